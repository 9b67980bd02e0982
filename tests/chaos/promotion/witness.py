"""What the resources, steps and people of a life with approvals wrote down themselves, and what of it must never be."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MADE, ENDED = "made", "ended"
TESTED, DEPLOYED, PERMITTED = "tested", "deployed", "permitted"
PRODUCTION, STAGING = "production", "staging"


class Never(StrEnum):
    """What the closing table counts, each of which has to be zero."""

    ANOTHER_PLAN = "done in production, and in no plan that was approved"
    BEFORE_STAGING = "in production before its tests passed in staging"
    TWICE = "done twice"
    APPROVAL_LOST = "approvals that were lost, and asked for again"
    PLAN_LEFT = "plan files that were left"


@dataclass(frozen=True, slots=True)
class Breach:
    """One of what must never be, and where it was seen."""

    kind: Never
    said: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.said}."


@dataclass(frozen=True, slots=True)
class Permit:
    """A plan as a person read it before she approved it: version and size of what it makes, and each single act.

    An act is `made KEY` or `ended KEY`.
    """

    version: int
    size: str
    acts: tuple[str, ...]

    @property
    def line(self) -> str:
        """As it goes into the history, before the approval is said."""
        return f"{PERMITTED} {json.dumps([self.version, self.size, self.acts])}"


def acts(actions: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The acts of a proposal's actions, such as `delete/create` of `terraform_data.it["replaced"]`."""
    found = []
    for action, address in actions:
        key = address.partition('["')[2].partition('"]')[0]
        found += [f"{ENDED} {key}"] if "delete" in action else []
        found += [f"{MADE} {key}"] if "create" in action else []
    return tuple(found)


@dataclass(slots=True)
class _Reading:
    """As far as a history was read."""

    versions: Mapping[str, int]
    tested: set[int] = field(default_factory=set)
    permit: Permit | None = None
    done: Counter[str] = field(default_factory=Counter)
    in_staging: Counter[str] = field(default_factory=Counter)


def breaches(history: Iterable[str], versions: Mapping[str, int], *, forgives: bool = False) -> list[Breach]:
    """All that must not have been, in a history's order; `versions` are those of the commits.

    `forgives` what was done twice: a Terraform was killed, which had not written down what it had done.
    """
    reading = _Reading(versions)
    found = [breach for line in history for breach in _read(reading, line)]
    return [each for each in found if not (forgives and each.kind is Never.TWICE)]


def _read(reading: _Reading, line: str) -> Iterator[Breach]:
    kind, _, rest = line.partition(" ")
    if kind == PERMITTED:
        version, size, permitted = json.loads(rest)
        reading.permit, reading.done = Permit(version, size, tuple(permitted)), Counter()
    elif kind == TESTED:
        reading.tested.add(reading.versions[rest])
    elif kind == DEPLOYED:
        environment, commit = rest.split()
        yield from _tested_before(reading, environment, reading.versions[commit], line)
    elif rest.startswith(STAGING):
        reading.in_staging[line] += 1
        if reading.in_staging[line] > 1:
            yield Breach(Never.TWICE, line)
    else:
        yield from _in_production(reading, kind, rest.split(), line)


def _tested_before(reading: _Reading, environment: str, version: int, line: str) -> Iterator[Breach]:
    if environment == PRODUCTION and version not in reading.tested:
        yield Breach(Never.BEFORE_STAGING, line)


def _in_production(reading: _Reading, kind: str, words: Sequence[str], line: str) -> Iterator[Breach]:
    """`made production VERSION SIZE KEY ID` or `ended production KEY ID`."""
    permit, act = reading.permit, f"{kind} {words[-2]}"
    if kind == MADE:
        yield from _tested_before(reading, PRODUCTION, int(words[1]), line)
    is_other = kind == MADE and permit is not None and (str(permit.version), permit.size) != (*words[1:3],)
    if permit is None or is_other or act not in permit.acts:
        yield Breach(Never.ANOTHER_PLAN, f"{line} ({permit.line if permit else 'nothing was approved'})")
        return
    reading.done[act] += 1
    if reading.done[act] > permit.acts.count(act):
        yield Breach(Never.TWICE, line)
