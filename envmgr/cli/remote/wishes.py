"""Asking a server for a change, and following that to its end."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import known_records
from envmgr.cli.screen import printable, say
from envmgr.domain.documents.plan import Plan, ResourceChange
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.environment import Environment, Guard, Run, RunStatus, Status
from envmgr.domain.values.names import RepositoryId

from . import parsing
from .records import RemoteRecords

_QUIET = 2.0
"""How long nothing is said (seconds): most wishes are fulfilled by then."""
_IDLE = 60.0
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_MISSES = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What something is asked of: as a path has it, and its records."""

    where: str
    records: Sequence[Environment]

    @property
    def label(self) -> str:
        """As messages name it."""
        return self.where


@dataclass(frozen=True, slots=True)
class Planned:
    """What would change of one environment or application; `plan` is None where nothing would."""

    environment: Environment
    plan: Plan | None
    text: str
    warnings: tuple[str, ...]
    refused: str
    run: int | None
    commit: str | None
    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """The plans of a request, by whose number just they can be done."""

    request: int
    plans: Sequence[Planned]


@contextmanager
def wishes(invocation: Invocation) -> Iterator["Wishes"]:
    """A server that is asked for changes, for a block."""
    with invocation.remote_records() as records:
        yield Wishes(records)


class Wishes:
    """Asks, follows, and takes apart what came of it."""

    def __init__(self, records: RemoteRecords) -> None:
        """Nothing is asked for yet."""
        self.records = records
        self._connection = records.connection

    def find(self, text: str) -> Subject:
        """What a person names. Raises UsageError where there is none, or several."""
        records = known_records(self.records, text)
        first = records[0].id
        named = first if ":" in text else first.environment
        return Subject(str(named), records)

    def parts(self, of: Subject) -> list[Subject]:
        """Its applications one by one, in the order in which they are applied."""
        if len(of.records) == 1:
            return [of]
        order = self.records.order
        return [Subject(str(e.id), [e]) for e in sorted(of.records, key=lambda e: order.index(e.id))]

    def comparable(self) -> list[str]:
        """What is as its branch wants it, so that a difference is drift; the rest that was applied is said."""
        able, unable = list[str](), list[str]()
        for found in self.records.listed((), None, destroyed=False):
            with self._connection.understood():
                whole = parsing.environment(found)
                parts = [(f"{whole.id}:{each['name']}", each) for each in found["applications"]]
                for label, each in parts or [(str(whole.id), found)]:
                    if each["applied_commit"] is None:
                        continue
                    is_there = each["applied_commit"] == whole.target and not whole.is_missing
                    waits = each["status"] == Status.WAITING and whole.hold.guard is Guard.DRIFT
                    if is_there and (waits or each["status"] in (Status.READY, Status.DEGRADED)):
                        able.append(label)
                    else:
                        unable.append(f"{label} ({Status(each['status'])})")
        if unable:
            say(f"Not checked, as they are not up to date with their branch: {', '.join(unable)}.")
        return able

    def cancelled(self, of: Subject) -> tuple[Environment, Run | None, bool]:
        """Asks what runs there to end: the environment then, the run that was to end, and whether it has."""
        _, result = self._ask(of, "cancel", {})
        with self._connection.understood():
            run = next((each for each in result.get("runs", ()) if each is not None), None)
            found = parsing.environment(result["environments"][0])
            return found, parsing.run(run) if run is not None else None, bool(result["over"])

    def environments(self, of: Subject, verb: str, **options: Any) -> list[Environment]:
        """Asks for something; the environments as it left them. Ends the program where it was refused or failed."""
        _, result = self._ask(of, verb, options)
        with self._connection.understood():
            return [parsing.environment(each) for each in result["environments"]]

    def plans(self, of: Subject, **options: Any) -> Shown:
        """Asks what would change."""
        number, result = self._ask(of, "plan", options)
        with self._connection.understood():
            return Shown(number, [_planned(each) for each in result["planned"]])

    def checked(self, of: Subject) -> Sequence[Mapping[str, Any]]:
        """Asks how the cloud differs from what was applied."""
        _, result = self._ask(of, "drift", {})
        with self._connection.understood():
            return list(result["checked"])

    def protected(self, repository: RepositoryId) -> tuple[str, ...] | None:
        """The patterns of branches that are protected; None where the repository is not in the configuration."""
        for each in self._connection.pages("/repositories", {"organization": repository.organization}):
            with self._connection.understood():
                if each["name"] == repository.name:
                    return tuple(map(str, each["protected"]))
        return None

    def _ask(self, of: Subject, verb: str, options: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        # Only what was asked for: an older server refuses names that it does not know.
        body = {name: value for name, value in options.items() if value not in (None, False)}
        written = self._connection.post(f"/environments/{of.where}/{verb}", body, str(uuid4()))
        with self._connection.understood():
            number = int(written["id"])
        try:
            found = self._over(of, number)
        except KeyboardInterrupt:
            say(
                f"Request {number} goes on without you: `envmgr events {of.label} --follow` tells what becomes of it, "
                f"`envmgr logs {of.label} --follow` what it runs."
            )
            raise
        with self._connection.understood():
            status, message, result = found["status"], printable(str(found["message"])), dict(found["result"])
        if status == "refused":
            say(message)
            raise SystemExit(1)
        if status != "succeeded":
            raise NeedsPerson(message)
        return number, result

    def _over(self, of: Subject, number: int) -> Mapping[str, Any]:
        """The request when it is over."""
        progress, pause, misses, began = _Progress(self.records, of), _PAUSE, 0, time.monotonic()
        while True:
            try:
                found: Mapping[str, Any] = self._connection.get(f"/requests/{number}")
                misses = 0
                with self._connection.understood():
                    if found["status"] not in ("waiting", "running"):
                        return found
                    if time.monotonic() - began > _QUIET:
                        progress.tell(number, str(found["status"]), time.monotonic() - began)
            except Transient as error:
                # It is written down there, and goes on: a server that restarts is waited for.
                misses += 1
                if misses == _MISSES:
                    raise NeedsPerson(f"{error} Request {number} goes on without you.") from error
            time.sleep(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE)


class _Progress:
    """Says what becomes of a request while it is not over: each thing once."""

    def __init__(self, records: RemoteRecords, of: Subject) -> None:
        self._records, self._of, self._said = records, of, set[str]()
        last = (run for e in of.records for run in records.runs(e.id, limit=1))
        self._before = max((run.id for run in last), default=0)

    def tell(self, number: int, status: str, waited: float) -> None:
        """What is news."""
        if status == "waiting":
            self._say(f"Request {number} waits for the daemon.")
            if waited > _IDLE:
                self._say(
                    f"Request {number} still waits: is the daemon running there? Ctrl-C leaves it waiting."
                )
            return
        self._say(f"Request {number} is being done.")
        for run in self._records.newest_runs(self._of.records[0].id):
            if run.id > self._before:
                self._say(
                    f"Run {run.id} ({run.kind} of {run.environment}) began: `envmgr logs {run.id} --follow` shows it."
                )
                if run.status is not RunStatus.RUNNING:
                    self._say(
                        f"Run {run.id} {run.status}{': ' if run.message else '.'}{printable(run.message)}"
                    )

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            say(text)


def _planned(found: Mapping[str, Any]) -> Planned:
    resources = tuple(
        ResourceChange(
            address=str(each["address"]),
            type="",
            actions=tuple(map(str, each["actions"])),
            before=None,
            after=None,
            unknown={},
        )
        for each in found["resources"]
    )
    return Planned(
        environment=parsing.environment({**found, "warnings": (), "resources": ()}),
        plan=Plan(resources) if found["has_changes"] else None,
        text=str(found["text"]),
        warnings=tuple(map(str, found["warnings"])),
        refused=str(found.get("refused") or ""),
        run=None if found["run"] is None else int(found["run"]),
        commit=None if found["planned_commit"] is None else str(found["planned_commit"]),
        object={name: value for name, value in found.items() if name != "text"},
    )
