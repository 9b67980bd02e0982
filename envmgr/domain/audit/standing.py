"""Findings from one look to the next: which are news, which stand since when, and which are surely over.

Pure. Events tell people of it and are pruned; what is known of a finding is here, and depends on no sentence.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.names import EnvironmentId

from .compare import Kind, hidden
from .inventory import Inventory, Unseen


class Look(StrEnum):
    """What finds: an audit, or the search for lost records."""

    AUDIT = "audit"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A finding that stands: found `since` then, and last `seen_at`.

    `kind` and `subject` say by words of the look which one it is, `environment` which one it is about, if it is one;
    `told` is what people are told of it.
    """

    look: Look
    organization: str
    kind: str
    subject: str
    told: str
    since: datetime
    seen_at: datetime
    environment: EnvironmentId | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The same for what two looks of one sort found, however it is worded."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look makes of the findings that stood: new ones, those that still stand, and those that are over."""

    new: tuple[Standing, ...] = ()
    still: tuple[Standing, ...] = ()
    over: tuple[Standing, ...] = ()


def outcome(
    known: Iterable[Standing], found: Iterable[Standing], is_over: Callable[[Standing], bool]
) -> Outcome:
    """Compares a look with what stood; what it did not find stays as it was unless that `is_over`."""
    before, now = {each.key: each for each in known}, {each.key: each for each in found}
    lost = [each for key, each in before.items() if key not in now]
    return Outcome(
        new=tuple(each for key, each in now.items() if key not in before),
        still=tuple(replace(each, since=before[key].since) for key, each in now.items() if key in before),
        over=tuple(each for each in lost if is_over(each)),
    )


def is_over(known: Standing, seen: Inventory) -> bool:
    """Whether a finding that an audit found no more is over: all by which it was found could be looked at this time."""
    if known.kind == Kind.UNKNOWN:
        return True
    if known.kind == Kind.ARCHIVE_EXPIRED:
        return not isinstance(seen.archives, Unseen)
    if known.kind != Kind.STATE_WITHOUT_BRANCH and (seen.is_blind or hidden(seen)):
        return False
    return known.environment is None or _is_seen(known.environment, seen)


def _is_seen(identity: EnvironmentId, seen: Inventory) -> bool:
    watched = seen.repositories.get(identity.repository_id)
    sides = (watched and watched.listing, seen.states, seen.contents.get(identity))
    return not seen.is_at_work(identity) and not any(isinstance(side, Unseen) for side in sides)
