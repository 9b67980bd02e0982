"""What envmgr keeps of those who ask over the network, and of what they asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.asking.token import Session, Token
from envmgr.domain.values.environment import ProcessId


class Tokens(Protocol):
    """Tokens, by name. Their secrets are kept nowhere."""

    def add(self, token: Token) -> bool:
        """Records a token; False where there is one of that name."""
        ...

    def find(self, digest: str) -> Token | None:
        """The token of a secret with this digest, expired or not."""
        ...

    def all(self) -> Sequence[Token]:
        """All tokens, by name."""
        ...

    def remove(self, name: str) -> bool:
        """Forgets a token; False where there is none of that name."""
        ...

    def note_use(self, name: str, at: datetime) -> None:
        """Records when a token was last used; quiet where it is gone."""
        ...


class Sessions(Protocol):
    """Who is signed in at the page."""

    def begin(self, session: Session) -> None:
        """Records a session."""
        ...

    def find(self, digest: str) -> Session | None:
        """The session of what a browser keeps, by its digest, over or not."""
        ...

    def end(self, digest: str) -> None:
        """Forgets a session; quiet where there is none."""
        ...


class Requests(Protocol):
    """What was asked for over the network, and what became of it."""

    def add(self, request: Request) -> tuple[Request, bool]:
        """Records a request with an id of its own; gives what is there already where its key is, and whether it is new."""
        ...

    def get(self, number: int) -> Request | None:
        """One request."""
        ...

    def by_key(self, key: str) -> Request | None:
        """The request that was recorded with this key."""
        ...

    def pending(self) -> Sequence[Request]:
        """Those that wait or are being done, in the order they were asked for."""
        ...

    def take(self, number: int, owner: ProcessId, now: datetime) -> bool:
        """Notes that a process does it from now on; False where it does not wait any more."""
        ...

    def put_back(self, number: int, owner: ProcessId) -> bool:
        """Lets it wait again; False where another than this owner has it."""
        ...

    def finish(
        self, number: int, status: RequestStatus, now: datetime, message: str, result: dict[str, Any]
    ) -> None:
        """Records what became of it; quiet where that is known."""
        ...
