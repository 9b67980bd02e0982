"""Reading records page by page, filtered where they are kept."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from envmgr.domain.values.asking.person import Place
from envmgr.domain.values.environment import Environment, Event, Run, Status

Key = tuple[str, str, str]
"""What orders environments: organization, repository, name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records a page is of: those of `places` (None: all) without `hidden`, that pass the filters given.

    Some events are of an organization or repository as a whole, or of no place at all. `status` is one of the kind of record's own (of
    events: the action), `origin` the kind of what an environment comes from, `text` what occurs in name, branch, commit, message or address.
    """

    places: tuple[Place, ...] | None = None
    hidden: tuple[Place, ...] = ()
    organization: str | None = None
    repository: str | None = None
    name: str | None = None
    status: str | None = None
    origin: str | None = None
    text: str | None = None
    limit: int = 100


class Pages(Protocol):
    """Pages of records; a page has at most `wanted.limit` of them."""

    def together(self) -> AbstractContextManager[None]:
        """Has all that this thread reads of any records in the block be read by one connection, which is cheaper.

        What is written meanwhile, by this thread too, need not be seen in the block.
        """
        ...

    def environments(self, wanted: Wanted, after: Key | None) -> Sequence[Sequence[Environment]]:
        """Environments by name, those after a key; each as the records of its applications, as `list` shows them."""
        ...

    def counts(self, wanted: Wanted) -> Mapping[Status, int]:
        """How many environments stand at each status; one whose applications differ counts at each of theirs."""
        ...

    def runs(self, wanted: Wanted, before: int | None) -> Sequence[Run]:
        """Runs, newest first, those with a smaller id."""
        ...

    def events(self, wanted: Wanted, before: int | None) -> Sequence[Event]:
        """Events, newest first, those with a smaller id."""
        ...

    def news(self, after: int, limit: int) -> Sequence[Event]:
        """Events of everything in the order they happened, the first ones with a larger id."""
        ...

    def last_event(self) -> int:
        """The largest id of an event; 0 where there is none."""
        ...
