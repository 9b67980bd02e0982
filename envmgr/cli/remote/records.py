"""What reading verbs ask of records, asked of an API instead."""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from urllib3.exceptions import HTTPError

from envmgr.cli.screen import say
from envmgr.domain.errors import NotThere, Transient, UsageError
from envmgr.domain.values import reference
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.environment import (
    Environment,
    Event,
    Lease,
    RepositoryState,
    Run,
    RunStatus,
    Status,
)
from envmgr.domain.values.forge.telling import Untold
from envmgr.domain.values.hosts.host import Standing
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage

from . import parsing, standings
from .connection import Connection
from .streams import follow

_CHUNK = 64 << 10
_OFFERED = 500
_LONGEST = 1 << 20
"""A line of a log that is longer comes in pieces."""
_WHOLE = re.compile("[a-z0-9-]{1,64}(/[a-z0-9-]{1,64}){2}")


class RemoteFreezes:
    """The freezes that a server told of."""

    def __init__(self) -> None:
        """None so far."""
        self._told = set[Freeze]()

    def take(self, found: Mapping[str, Any] | None) -> None:
        """Takes one from an answer, where there is one."""
        if found is not None:
            self._told.add(parsing.freeze(found))

    def all(self) -> Sequence[Freeze]:
        """Those told of, by place."""
        return sorted(self._told, key=lambda each: (each.place, each.in_file))


class RemoteImages:
    """The images that a server told of."""

    def __init__(self) -> None:
        """None so far."""
        self._told = list[SeenImage]()

    @property
    def images(self) -> "RemoteImages":
        """As records of what lies between a commit and production have them."""
        return self

    def take(self, repository: RepositoryId, found: Iterable[Mapping[str, Any]]) -> None:
        """Takes those of an environment from an answer; all its applications have the same."""
        self._told = [parsing.image(repository, each) for each in found]

    def seen(self, _: RepositoryId) -> Sequence[SeenImage]:
        """Those told of."""
        return self._told


class RemoteOutbox:
    """What a server says that forges could not be told."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._told = list[Untold]()

    def take(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Takes those of a repository from an answer."""
        self._told = [parsing.untold(each) for each in found]

    def unsaid(self, _: RepositoryId) -> Sequence[Untold]:
        """Those told of."""
        return self._told


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """A repository with its last look, and what its forge could not be told; None where an older server does not say that."""

    id: RepositoryId
    state: RepositoryState
    untold: Sequence[Untold] | None


class RemoteRecords:
    """The records that an API shows to whoever asks."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is asked yet."""
        self.connection = connection
        self._leases: dict[EnvironmentId, Lease] = {}
        self._last: dict[EnvironmentId, Run | None] = {}
        self._errors: dict[RepositoryId, str] = {}
        self.freezes, self.pipeline, self.outbox = RemoteFreezes(), RemoteImages(), RemoteOutbox()
        self.standings = list[Standing]()
        """The hosts that work on what was sought last, each with that alone."""
        self.order: Sequence[EnvironmentId] = ()
        """The applications of what was sought last, in the order in which they are applied."""

    def seek(self, text: str) -> list[Environment]:
        """The records in full of the one environment that a text means; none where none fits."""
        name, colon, application = text.partition(":")
        # What is destroyed is meant only where nothing that is there is called so.
        found = reference.find(name, self._like(name, None)) or reference.find(
            name, self._like(name, Status.DESTROYED)
        )
        if not found:
            return self._still_to_come(name)
        records = self._in_full(found[0].id)
        if not colon or all(e.id.application == application for e in records):
            return records
        if not application:
            return [e for e in records if not e.id.application]
        try:
            return self._in_full(EnvironmentId(*self._place(found[0].id), application))
        except (NotThere, UsageError):
            return []

    def _still_to_come(self, name: str) -> list[Environment]:
        """Asks for what has that name and no record yet: the server knows, and says what it waits for. None where nothing is called so."""
        if _WHOLE.fullmatch(name):
            return self._in_full(EnvironmentId(*name.split("/")))
        said = list[str]()
        for each in self._named(name):
            try:
                return self._in_full(each)  # it came just now
            except NotThere as error:
                said.append(str(error))
        if said:
            raise NotThere(" ".join(said))
        return []

    def _named(self, name: str) -> list[EnvironmentId]:
        """The named environments of the configuration that a name may mean."""
        found = list(self.connection.pages("/repositories", {}, limit=None))
        with self.connection.understood():
            known = [
                EnvironmentId(parsing.named(r["organization"]), parsing.named(r["name"]), parsing.named(each))
                for r in found
                for each in r.get("environments", ())
            ]
        return [each for each in known if name in reference.forms(each, each.name)]

    def runs(self, environment: EnvironmentId | None = None, *, limit: int | None = None) -> Sequence[Run]:
        """Runs, newest first."""
        if environment is not None and limit == 1 and environment in self._last:
            last = self._last[environment]
            return [last] if last is not None else []
        found = self._of(environment, "/runs", None if environment else limit)
        with self.connection.understood():
            runs = map(parsing.run, found)
            return _taken((r for r in runs if environment in (None, r.environment)), limit)

    def newest_runs(self, of: EnvironmentId) -> Sequence[Run]:
        """The newest few of an environment, the oldest of them first."""
        found = list(self._of(of, "/runs", 5))
        with self.connection.understood():
            return [parsing.run(each) for each in reversed(found)]

    def run(self, number: int) -> Run | None:
        """One run; None where there is none."""
        try:
            found = self.connection.get(f"/runs/{number}")
        except NotThere:
            return None
        with self.connection.understood():
            return parsing.run(found)

    def leases(self, _: datetime) -> Mapping[EnvironmentId, Lease]:
        """Who works on what was sought."""
        return self._leases

    def repository(self, repository: RepositoryId) -> RepositoryState:
        """What polling knows of a repository; asked only where its last look failed."""
        error = self._errors.get(repository, "")
        return (
            self.unreachable().get(repository, RepositoryState(error=error)) if error else RepositoryState()
        )

    def unreachable(self) -> dict[RepositoryId, RepositoryState]:
        """The repositories whose last look failed."""
        return {each.id: each.state for each in self.looked_at() if each.state.error}

    def looked_at(self) -> list[LookedAt]:
        """The repositories of the configuration, as a server tells of them."""
        found = list(self.connection.pages("/repositories", {}, limit=None))
        with self.connection.understood():
            return [
                LookedAt(
                    id=RepositoryId(parsing.named(r["organization"]), parsing.named(r["name"])),
                    state=RepositoryState(
                        succeeded_at=parsing.moment(r["succeeded_at"]), error=str(r["error"] or "")
                    ),
                    untold=[parsing.untold(each) for each in r["untold"]] if "untold" in r else None,
                )
                for r in found
            ]

    def events(
        self, environment: EnvironmentId | None, *, since: datetime | None = None, limit: int | None = None
    ) -> Sequence[Event]:
        """Events in the order they happened, the newest `limit` of them."""
        begin = since.replace(microsecond=0) if since is not None else None  # as exact as they are told
        kept = list[Event]()
        with self.connection.understood():
            for found in self._of(environment, "/events", None if environment else limit):
                event = parsing.event(found)
                if (begin is not None and event.at < begin) or (limit is not None and len(kept) >= limit):
                    break
                if environment in (None, event.environment):
                    kept.append(event)
        return kept[::-1]

    def newest_event(self) -> int:
        """The number of the newest event that may be seen."""
        with self.connection.understood():
            return max((int(each["id"]) for each in self.connection.pages("/events", {}, 1)), default=0)

    def coming_events(self, of: Sequence[EnvironmentId | None], last: int) -> Generator[Event, None, None]:
        """Events after a number as they happen, for ever."""
        first = of[0]
        query = {} if first is None else _query(first)
        for told in follow(self.connection, "/events", query, last):
            with self.connection.understood():
                event = parsing.event(told.data)
            if first is None or event.environment in of:
                yield event

    def log(self, run: Run, *, follows: bool) -> Iterator[str]:
        """The lines of a run's log as far as they are written; with `follows` until the run has ended."""
        path = f"/runs/{run.id}/log"
        if follows and run.status is RunStatus.RUNNING:
            for told in follow(self.connection, path, {}, None):
                if told.kind == "end":
                    return
                with self.connection.understood():
                    yield str(told.data["line"])
            return
        try:
            yield from self._whole(path)
        except NotThere as error:
            say(str(error))

    def listed(
        self, statuses: Iterable[str], repository: str | None, *, destroyed: bool
    ) -> list[Mapping[str, Any]]:
        """The objects of environments by name, of any of some statuses, or all."""
        organization, _, name = (repository or "").rpartition("/")
        query = {"organization": organization or None, "repository": name or None}
        wanted: list[str | None] = [*statuses] or [None, *([Status.DESTROYED.value] if destroyed else [])]
        found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        for status in wanted:
            for each in self.connection.pages("/environments", {**query, "status": status}):
                with self.connection.understood():
                    identity = parsing.identity(each)
                    found[self._place(identity)] = each
        return [found[place] for place in sorted(found)]

    def called(self, text: str) -> "set[EnvironmentId]":
        """What a text may become of the environments that are there; of very many the first."""
        last = text.rpartition("/")[2][:200]
        found = self.connection.get("/environments", limit=_OFFERED, q=last or None)
        with self.connection.understood():
            return {parsing.environment(each).id.environment for each in found["items"]}

    def waiting(self) -> list[Environment]:
        """The environments that a guard holds back, in brief."""
        found = list(self.connection.pages("/environments", {"status": Status.WAITING.value}))
        with self.connection.understood():
            return [e for e in map(parsing.environment, found) if e.hold.guard is not None]

    def _like(self, text: str, status: Status | None) -> list[Environment]:
        """The environments whose name or branch may be what a text says, in brief; None: all but the destroyed ones."""
        query = {"q": text.rpartition("/")[2][:200] or None}
        if query["q"] is None:
            return []
        found = dict[EnvironmentId, Environment]()
        for each in self.connection.pages("/environments", {**query, "status": status}):
            with self.connection.understood():
                record = parsing.environment(each)
            found[record.id] = record
        return list(found.values())

    def _in_full(self, identity: EnvironmentId) -> list[Environment]:
        """Its records in full, those of its applications by name."""
        found = self.connection.get(f"/environments/{identity!s}")
        with self.connection.understood():
            # An environment of several applications has each of them in full, and is itself as in the list.
            each = [found] if "state_key" in found else list(found["applications"])
            records = [self._taken_in(one) for one in each]
            self._errors[identity.repository_id] = str(found["remote_error"] or "")
            self.freezes.take(found.get("frozen"))
            self.pipeline.take(identity.repository_id, each[0].get("images", ()) if each else ())
            self.outbox.take(each[0].get("untold", ()) if each else ())
            self.standings = [s for one in each if (s := standings.holding(one, parsing.identity(one)))]
            self.order = [record.id for record in records]
            if not records or any(self._place(e.id) != self._place(identity) for e in records):
                raise ValueError("another environment")
        return sorted(records, key=lambda e: e.id)

    def _taken_in(self, found: Mapping[str, Any]) -> Environment:
        record = parsing.environment(found)
        if found["lease"] is not None:
            self._leases[record.id] = parsing.lease(found["lease"], record.id)
        self._last[record.id] = parsing.run(found["last_run"]) if found["last_run"] is not None else None
        return record

    def _of(self, environment: EnvironmentId | None, path: str, limit: int | None) -> Iterator[Any]:
        return self.connection.pages(path, {} if environment is None else _query(environment), limit)

    @staticmethod
    def _place(identity: EnvironmentId) -> tuple[str, str, str]:
        return identity.organization, identity.repository, identity.name

    def _whole(self, path: str) -> Iterator[str]:
        response = self.connection.open(path, {})
        rest = b""
        try:
            while chunk := response.read1(_CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
                if len(rest) > _LONGEST:
                    yield rest.decode(errors="replace")
                    rest = b""
        except (HTTPError, OSError) as error:
            raise Transient(f"{self.connection.url} broke off in the log: try again.") from error
        finally:
            response.close()
        if rest:
            yield rest.decode(errors="replace")


def _query(environment: EnvironmentId) -> dict[str, str | int | None]:
    return {
        "organization": environment.organization,
        "repository": environment.repository,
        "environment": environment.name,
    }


def _taken(found: Iterable[Run], limit: int | None) -> list[Run]:
    kept = list[Run]()
    for each in found:
        if limit is not None and len(kept) >= limit:
            break
        kept.append(each)
    return kept
