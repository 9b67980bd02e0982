"""The list of environments, and those of them that wait for a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.domain.values.combined import combined, urls
from envmgr.domain.values.environment import AT_WORK, Environment, Status
from envmgr.domain.values.names import ref_component

_SOON = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """An environment, its addresses, and why it is as it is."""

    found: Environment
    urls: Sequence[str]
    why: str
    is_person_needed: bool

    @property
    def address(self) -> str:
        """Its page."""
        return page_of(self.found)

    @property
    def drift(self) -> str:
        """What somebody should look at; empty where all is as it should be."""
        drift = self.found.drift
        return "" if drift is None or drift.status == "none" else drift.status

    def ends_soon(self, now: datetime) -> bool:
        """Whether its life ends within a day."""
        end = self.found.life.expires_at
        return end is not None and end - now < _SOON


def page_of(found: Environment) -> str:
    """The address of an environment's page."""
    identity = found.id.environment
    return f"/environments/{identity}"


def row(records: Sequence[Environment]) -> Row:
    """Of an environment's records."""
    found = combined(records)
    return Row(found, urls(records), _why(found), any(needs_person(e) for e in records))


def rows(groups: Iterable[Sequence[Environment]]) -> list[Row]:
    """Of the records of several."""
    return [row(group) for group in groups]


def needs_person(found: Environment) -> bool:
    """Whether nothing happens there until a person does something."""
    is_held = found.hold.guard is not None and found.hold.approved is not found.hold.guard
    return is_held or (found.status is Status.FAILED and found.retry_at is None)


def _why(found: Environment) -> str:
    """Its message; where that is of something else than what waits for its end, that its branch is gone comes first."""
    if found.is_missing and found.status not in (Status.WAITING, *AT_WORK, Status.DESTROYED):
        return f"Branch {ref_component(found.branch)} is gone. {found.said}".strip()
    return found.said
