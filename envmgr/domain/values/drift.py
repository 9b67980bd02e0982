"""Drift: how the cloud differs from what was applied, and what may be done about it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from .names import EnvironmentId, first

Action = Literal["report", "correct", "off"]

NOISY_AFTER = 3
"""How many checks in a row an attribute must change between before it is called noise."""
_GAP = 3
"""After how many intervals without a check nothing is corrected without a person."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRules:
    """How often to look for drift, what to do about it, and what to overlook (`ADDRESS.ATTRIBUTE`, with `*`)."""

    action: Action = "report"
    interval: timedelta = timedelta(hours=1)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One resource that is not as it was applied.

    `action` is what Terraform would do about it (`create`, `update`, `delete`, `replace`); `attributes` maps the
    names of those that differ to a digest of how, never to a value (of a sensitive one not even that).
    """

    address: str
    action: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_harmful(self) -> bool:
        """Whether correcting it would delete something, if only to make it anew."""
        return self.action in ("delete", "replace")

    def __str__(self) -> str:
        names = ", ".join(sorted(self.attributes)[:5])
        return f"{self.address} ({self.action}{': ' if names else ''}{names})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the checks of an environment found.

    `tried_at` is when the last check began, `checked_at` when the last one came to a result. `error` says
    why the last one did not, `failing_since` since when. `changing` counts, for each `ADDRESS.ATTRIBUTE`,
    the checks in a row that found it otherwise than the one before; `noise` are those that were said to be noise.
    `corrected` says that an apply undid what was found. `failing_checks` are the code's own (`check` blocks) that did
    not hold when Terraform last looked, in an apply too.
    """

    tried_at: datetime
    checked_at: datetime | None = None
    differences: tuple[Difference, ...] = ()
    error: str = ""
    failing_since: datetime | None = None
    changing: Mapping[str, int] = field(default_factory=dict)
    noise: tuple[str, ...] = ()
    corrected: bool = False
    failing_checks: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """One word for `list`: `none`, `drift` or `unknown`."""
        if self.error or self.checked_at is None:
            return "unknown"
        return "drift" if self.differences else "none"


def is_due(identity: EnvironmentId, drift: Drift | None, rules: DriftRules, now: datetime) -> bool:
    """Whether it is time to look; spread by up to a tenth of the interval, so that not all are due at once."""
    if rules.action == "off":
        return False
    return drift is None or now >= drift.tried_at + rules.interval * (0.9 + 0.2 * _spread(identity, drift))


def checked(
    before: Drift | None, found: tuple[Difference, ...], now: datetime, failing_checks: tuple[str, ...] = ()
) -> Drift:
    """The record after a check that came to a result.

    What changes from check to check, or comes back after every correction, is noise: named once, and
    not counted as drift from then on.
    """
    changing = _changing(before, found)
    known = before.noise if before else ()
    noise = tuple(sorted({*known, *(name for name, times in changing.items() if times >= NOISY_AFTER)}))
    return Drift(
        tried_at=now,
        checked_at=now,
        differences=tuple(d for d in (_without(d, noise) for d in found) if d is not None),
        changing=changing,
        noise=noise,
        failing_checks=failing_checks,
    )


def failed(before: Drift | None, error: str, now: datetime) -> Drift:
    """The record after a check that could not run: what was known stays, and since when it is blind is said."""
    before = before or Drift(tried_at=now)
    return replace(before, tried_at=now, error=error, failing_since=before.failing_since or now)


def why_not_corrected(before: Drift | None, found: Drift, rules: DriftRules, outage: str) -> str:
    """Why a person must let a correction through; empty where it is safe.

    `before` is the record from before the check; `outage` says what was out of reach meanwhile, if anything.
    """
    harmful = [str(difference) for difference in found.differences if difference.is_harmful]
    if harmful:
        return f"correcting it would delete or replace {first(harmful, _NAMED)}"
    if outage:
        return outage
    if before is not None and before.error:
        return "the check before this one could not run"
    last = before.checked_at if before is not None else None
    if last is not None and found.tried_at - last > rules.interval * _GAP:
        return f"nothing was checked since {last:%Y-%m-%d %H:%M} UTC"
    return ""


def corrected(found: Drift, now: datetime) -> Drift:
    """The record after an apply that undid what was found."""
    return replace(found, tried_at=now, checked_at=now, differences=(), corrected=True)


def checks_warning(failing: Sequence[str]) -> str:
    """That checks of the code do not hold, as a sentence; empty where all do."""
    if not failing:
        return ""
    return f"Warning: not all checks of the code hold: {first(failing, _NAMED, '; ')}"


def is_news(before: Drift | None, after: Drift) -> bool:
    """Whether a check found other things than the one before, by address, action and names of attributes."""
    return _outline(before) != _outline(after)


def _outline(drift: Drift | None) -> set[str]:
    return {str(difference) for difference in drift.differences} if drift is not None else set()


def _changing(before: Drift | None, found: tuple[Difference, ...]) -> dict[str, int]:
    """For each attribute that differs: how many checks in a row found it otherwise than the one before."""
    earlier = {name: how for d in (before.differences if before else ()) for name, how in _named(d)}
    counts = before.changing if before else {}
    result: dict[str, int] = {}
    for name, how in (pair for difference in found for pair in _named(difference)):
        came_back = before is not None and before.corrected and name in counts
        moved = came_back or (name in earlier and earlier[name] != how)
        result[name] = counts.get(name, 0) + 1 if moved else 0
    return result


def _named(difference: Difference) -> Iterable[tuple[str, str]]:
    return ((f"{difference.address}.{name}", how) for name, how in difference.attributes.items())


def _without(difference: Difference, noise: tuple[str, ...]) -> Difference | None:
    kept = {n: h for n, h in difference.attributes.items() if f"{difference.address}.{n}" not in noise}
    if difference.attributes and not kept:
        return None
    return replace(difference, attributes=kept)


def _spread(identity: EnvironmentId, drift: Drift) -> float:
    """Between 0 and 1, another one for each environment and each check."""
    seed = f"{identity} {drift.tried_at.isoformat()}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") / 0xFFFFFFFF
