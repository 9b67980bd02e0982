"""What comes from others unasked, and others who are told of what happens."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.notices import Message, Position


class Hints(Protocol):
    """Repositories that are to be looked at sooner, because a webhook said so; each once, however often it was said."""

    def leave(self, repositories: Collection[RepositoryId], now: datetime) -> None:
        """Notes that something may have changed in them."""
        ...

    def waiting(self) -> Sequence[RepositoryId]:
        """All that were hinted at and not taken."""
        ...

    def take(self, repositories: Collection[RepositoryId]) -> Sequence[RepositoryId]:
        """Those among some that were hinted at, which are forgotten by it: one process takes each."""
        ...


class Positions(Protocol):
    """How far those have been told who are told of events; one process at a time tells each of them."""

    def begin(self, position: Position) -> None:
        """Has somebody be told from here on, unless she is told already."""
        ...

    def get(self, target: str) -> Position | None:
        """Where somebody stands."""
        ...

    def claim(self, target: str, owner: str, now: datetime, until: datetime) -> Position | None:
        """Where somebody stands, who is told by this owner alone until then, or until it saves; None where another one does that."""
        ...

    def save(self, position: Position, owner: str, until: datetime | None = None) -> bool:
        """Writes where somebody stands, and lets go of her, or goes on until then; False where the owner has lost her meanwhile, and nothing is written then."""
        ...

    def all(self) -> Sequence[Position]:
        """Where everybody stands."""
        ...


class Messenger(Protocol):
    """A way to somebody."""

    def describe(self) -> str:
        """What it is, for people: without secrets. Raises NeedsPerson where it cannot be used as it is configured."""
        ...

    def send(self, message: Message) -> None:
        """Gives her a message. Raises Transient where that may work later, NeedsPerson where it cannot; it may have arrived then all the same."""
        ...


class Hooks(Protocol):
    """What comes from others unasked, and how far others are told."""

    @property
    def hints(self) -> Hints:
        """What webhooks hinted at."""
        ...

    @property
    def positions(self) -> Positions:
        """How far others are told."""
        ...
