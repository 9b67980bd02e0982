"""What has to hold of an upgrade: who applied what, how often, and how long each push waited."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from envmgr.domain.values.hosts.terms import LOOKED_AFTER, TAKEN_OVER
from tests.chaos.hosts.scene import Move

if TYPE_CHECKING:
    import psycopg

BUSY = timedelta(seconds=20)
"""A busy machine starts a daemon, and Terraform, so much later."""
Phases = Sequence[tuple[datetime, str]]
"""Since when it is what, the first one first."""


class Case(StrEnum):
    """What becomes of the older host's apply, which is under way as the newer one migrates."""

    ENDS = "it ends"
    REPLACED = "its daemon is killed (SIGKILL), and the newer one started there while Terraform goes on"
    DAEMON_KILLED = "its daemon is killed (SIGKILL)"
    HOST_KILLED = "all on its host is killed"

    @property
    def goes_on(self) -> bool:
        """Whether that apply comes to its own end, and nobody has to take it over."""
        return self in (Case.ENDS, Case.REPLACED)


@dataclass(slots=True)
class Seen:
    """What was seen: `wrong` are sentences, `waits` the longest wait of a push by the phase in which it was made, in seconds."""

    wrong: list[str] = field(default_factory=list)
    waits: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    pushes: int = 0
    deletions: int = 0
    applies: int = 0

    def table(self) -> str:
        """The closing table."""
        rows: list[tuple[str, object]] = [
            ("pushes, deleted branches, applies", f"{self.pushes}, {self.deletions}, {self.applies}"),
            *((f"longest wait of a push, {phase}", f"{wait:.1f} s") for phase, wait in self.waits.items()),
            *((f"until {what}", f"{seconds:.1f} s") for what, seconds in self.took.items()),
            ("what was not as it has to be", len(self.wrong)),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value!s:>12}" for name, value in rows)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run by the records."""

    number: int
    name: str
    kind: str
    commit: str
    status: str
    message: str
    actor: str
    began: datetime


def recorded(connection: "psycopg.Connection[tuple[Any, ...]]") -> list[Recorded]:
    """All runs, the oldest first."""
    query = "SELECT id, name, kind, commit, status, message, actor, started_at FROM runs ORDER BY id"
    rows = connection.execute(query).fetchall()
    return [
        Recorded(number, name, kind, commit, status, message, actor, datetime.fromisoformat(began))
        for number, name, kind, commit, status, message, actor, began in rows
    ]


def judge(seen: Seen, case: Case, phases: Phases, moves: Sequence[Move], runs: Sequence[Recorded]) -> None:
    """Says what was not as it has to be by the records, and how long pushes waited."""
    applied = [
        (run.name, run.commit)
        for run in runs
        if (run.kind, run.status, run.actor) == ("apply", "succeeded", "daemon")
    ]
    seen.applies = len(applied)
    twice = {each for each in applied if applied.count(each) > 1}
    seen.wrong += [
        f"{name} was applied {applied.count((name, commit))} times at {commit}." for name, commit in twice
    ]
    expected = {"succeeded", "superseded"} | ({"interrupted"} if case is not Case.ENDS else set())
    seen.wrong += [
        f"Run {run.number} ({run.kind} of {run.name}) is {run.status}: {run.message}"
        for run in runs
        if run.status not in expected
    ]
    for move, wait in waits(moves, runs):
        phase = next(name for since, name in reversed(phases) if since <= move.at)
        seen.waits[phase] = max(wait, seen.waits.get(phase, 0))
    longest = TAKEN_OVER if not case.goes_on else LOOKED_AFTER
    seen.wrong += [
        f"A push waited {wait:.0f} s ({phase})."
        for phase, wait in seen.waits.items()
        if wait > (longest + BUSY).total_seconds()
    ]


def waits(moves: Sequence[Move], runs: Sequence[Recorded]) -> Sequence[tuple[Move, float]]:
    """How many seconds each push waited until a run of its environment began, of it or of what was pushed later.

    A push whose branch was deleted before that waited for nothing; one that no run ever came to waits without end.
    """
    found = []
    for position, move in enumerate(moves):
        later = [each.commit for each in moves[position:] if each.name == move.name]
        until = later.index("") if "" in later else len(later)
        began = [run.began for run in runs if run.commit in later[:until] and run.began >= move.at]
        if move.commit and (began or until == len(later)):
            found.append((move, (min(began) - move.at).total_seconds() if began else float("inf")))
    return found
