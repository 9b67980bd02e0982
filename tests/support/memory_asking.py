"""The ports for those who ask over the network, in this process's memory; see `envmgr.ports.asking` and `pages`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from threading import RLock
from typing import TYPE_CHECKING, Any

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.asking.token import Session, Token
from envmgr.domain.values.environment import Environment, Event, ProcessId, Run, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports.pages import Key, Wanted

if TYPE_CHECKING:
    from .memory_store import MemoryStore


@dataclass
class MemoryTokens:
    """Tokens, by name."""

    kept: dict[str, Token] = field(default_factory=dict)

    def add(self, token: Token) -> bool:
        """Records a token; False where there is one of that name."""
        return self.kept.setdefault(token.name, token) is token

    def find(self, digest: str) -> Token | None:
        """The token of a secret with this digest."""
        return next((t for t in self.kept.values() if t.digest == digest), None)

    def all(self) -> Sequence[Token]:
        """All tokens, by name."""
        return [self.kept[name] for name in sorted(self.kept)]

    def remove(self, name: str) -> bool:
        """Forgets a token."""
        return self.kept.pop(name, None) is not None

    def note_use(self, name: str, at: datetime) -> None:
        """Records when a token was last used."""
        if name in self.kept:
            self.kept[name] = replace(self.kept[name], used_at=at)


@dataclass
class MemoryFreezes:
    """Freezes, by place and sort."""

    kept: dict[tuple[str, str, bool], Freeze] = field(default_factory=dict)

    def all(self) -> Sequence[Freeze]:
        """All of them, by place."""
        return [self.kept[key] for key in sorted(self.kept)]

    def put(self, freeze: Freeze) -> None:
        """Records a freeze."""
        self.kept[freeze.organization, freeze.repository or "", freeze.in_file] = freeze

    def remove(self, freeze: Freeze) -> bool:
        """Forgets one."""
        return self.kept.pop((freeze.organization, freeze.repository or "", freeze.in_file), None) is not None


@dataclass
class MemorySessions:
    """Who is signed in."""

    kept: dict[str, Session] = field(default_factory=dict)

    def begin(self, session: Session) -> None:
        """Records a session."""
        self.kept[session.digest] = session

    def find(self, digest: str) -> Session | None:
        """The session of what a browser keeps."""
        return self.kept.get(digest)

    def end(self, digest: str) -> None:
        """Forgets a session."""
        self.kept.pop(digest, None)


@dataclass
class MemoryRequests:
    """What was asked for."""

    kept: dict[int, Request] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    last: int = 0

    def add(self, request: Request) -> tuple[Request, bool]:
        """Records a request; what is there already where its key is, and whether it is new."""
        with self.lock:
            found = self.by_key(request.key) if request.key is not None else None
            if found is not None:
                return found, False
            self.last += 1
            new = self.kept[self.last] = replace(request, id=self.last)
            return new, True

    def get(self, number: int) -> Request | None:
        """One request."""
        return self.kept.get(number)

    def by_key(self, key: str) -> Request | None:
        """The request with this key."""
        with self.lock:
            return next((r for r in self.kept.values() if r.key == key), None)

    def pending(self) -> Sequence[Request]:
        """Those that wait or are being done."""
        with self.lock:
            return [self.kept[number] for number in sorted(self.kept) if not self.kept[number].status.is_over]

    def take(self, number: int, owner: ProcessId, now: datetime) -> bool:
        """Notes that a process does it from now on."""
        values = {"status": RequestStatus.RUNNING, "owner": owner, "started_at": now}
        return self._change(number, RequestStatus.WAITING, None, values)

    def put_back(self, number: int, owner: ProcessId) -> bool:
        """Lets it wait again."""
        values = {"status": RequestStatus.WAITING, "owner": None, "started_at": None}
        return self._change(number, RequestStatus.RUNNING, owner, values)

    def finish(
        self, number: int, status: RequestStatus, now: datetime, message: str, result: dict[str, Any]
    ) -> None:
        """Records what became of it."""
        values = {"status": status, "finished_at": now, "message": message, "result": result, "owner": None}
        self._change(number, RequestStatus.RUNNING, None, values)

    def _change(
        self, number: int, now: RequestStatus, owner: ProcessId | None, values: dict[str, Any]
    ) -> bool:
        with self.lock:
            found = self.kept.get(number)
            if found is None or found.status is not now or owner not in (None, found.owner):
                return False
            self.kept[number] = replace(found, **values)
            return True


@dataclass
class MemoryPages:
    """Records page by page, of a store in memory."""

    store: "MemoryStore"

    def together(self) -> AbstractContextManager[None]:
        """It reads by no connection."""
        return nullcontext()

    def environments(self, wanted: Wanted, after: Key | None) -> Sequence[Sequence[Environment]]:
        """Environments by name, those after a key."""
        ends = wanted.status == Status.DESTROYED
        found = [e for e in self.store.environments(destroyed=True) if ends or e.is_open]
        groups = [list(group) for _, group in groupby(found, key=lambda e: e.id.environment)]
        return [
            group
            for group in groups
            if (after is None or _key(group[0].id) > after) and any(_is_environment(e, wanted) for e in group)
        ][: wanted.limit]

    def counts(self, wanted: Wanted) -> Mapping[Status, int]:
        """How many environments stand at each status."""
        found = [e for e in self.store.environments(destroyed=True) if _is_environment(e, wanted)]
        return Counter(status for _, status in {(_key(e.id), e.status) for e in found})

    def runs(self, wanted: Wanted, before: int | None) -> Sequence[Run]:
        """Runs, newest first."""
        return [
            run
            for run in self.store.runs()
            if (before is None or run.id < before)
            and _is_seen(run.environment, wanted)
            and wanted.status in (None, run.status)
            and _mentions(wanted, run.environment.name, run.commit, run.message)
        ][: wanted.limit]

    def events(self, wanted: Wanted, before: int | None) -> Sequence[Event]:
        """Events, newest first."""
        return [
            event
            for event in reversed(self.store.events())
            if (before is None or event.id < before)
            and (
                _is_whole(event, wanted) if event.environment is None else _is_seen(event.environment, wanted)
            )
            and wanted.status in (None, event.action)
            and _mentions(
                wanted, event.environment.name if event.environment else "", event.commit, event.message
            )
        ][: wanted.limit]

    def news(self, after: int, limit: int) -> Sequence[Event]:
        """Events of everything in the order they happened."""
        return self.store.events(after=after)[:limit]

    def last_event(self) -> int:
        """The largest id of an event."""
        return max((event.id for event in self.store.events()), default=0)


def _key(identity: EnvironmentId) -> Key:
    return identity.organization, identity.repository, identity.name


def _is_environment(found: Environment, wanted: Wanted) -> bool:
    return (
        _is_seen(found.id, wanted)
        and wanted.status in (None, found.status)
        and wanted.origin in (None, found.origin.kind)
        and _mentions(wanted, found.id.name, found.branch, found.commit, found.message, found.applied.url)
    )


def _is_whole(event: Event, wanted: Wanted) -> bool:
    """Of an event that is of an organization or repository as a whole, or of no place at all."""
    filters, of = (wanted.organization, wanted.repository, wanted.name), event.place
    places = {(of[0], None), of} if of is not None else set()
    return (
        (wanted.places is None or not places.isdisjoint(wanted.places))
        and places.isdisjoint(wanted.hidden)
        and all(w in (None, is_) for w, is_ in zip(filters, (*(of or (None, None)), None), strict=True))
    )


def _is_seen(identity: EnvironmentId, wanted: Wanted) -> bool:
    filters = (wanted.organization, wanted.repository, wanted.name)
    places = {(identity.organization, None), (identity.organization, identity.repository)}
    return (
        (wanted.places is None or not places.isdisjoint(wanted.places))
        and places.isdisjoint(wanted.hidden)
        and all(w in (None, is_) for w, is_ in zip(filters, _key(identity), strict=True))
    )


def _mentions(wanted: Wanted, *texts: str | None) -> bool:
    return not wanted.text or any(wanted.text.lower() in (text or "").lower() for text in texts)
