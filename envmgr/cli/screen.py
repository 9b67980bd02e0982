"""Writing for people and for programs: standard output has the result, standard error what is said about it."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Environment, RepositoryState, RunStatus, Status
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.views.visible import escaped

_COLOR = re.compile(r"(\x1b\[(?:0|3[0-7]|9[0-7])m)")
_COLORS = {
    Status.READY: "green",
    Status.RUNNING: "cyan",
    Status.DESTROYING: "cyan",
    Status.DEGRADED: "yellow",
    Status.FAILED: "red",
    Status.WAITING: "yellow",
    Status.SUSPENDED: "magenta",
    Status.DESTROYED: "bright_black",
    RunStatus.SUCCEEDED: "green",
    RunStatus.INTERRUPTED: "yellow",
    RunStatus.PROPOSED: "yellow",
}


def emit(text: str = "") -> None:
    """A line of the result; what would steer a terminal is shown as escapes there, and is as it is for a program."""
    click.echo(visible(text, paint=True) if sys.stdout.isatty() else text)


def say(text: str = "") -> None:
    """A line for people, beside the result."""
    sys.stderr.write(
        f"{visible(text)}\n"
    )  # not click's: a live display puts itself in the place of sys.stderr
    sys.stderr.flush()


def visible(text: str, *, paint: bool = False) -> str:
    """The text with all that a terminal would obey, or that turns the reading order, shown as escapes.

    Lines stay lines. With `paint` plain colours are left alone.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    parts = _COLOR.split(text) if paint else [text]
    return "".join(part if paint and _COLOR.fullmatch(part) else escaped(part) for part in parts)


def emit_json(document: Any) -> None:
    """The one JSON document of a verb."""
    click.echo(json.dumps(document, indent=2))


def emit_json_of(documents: Sequence[Any]) -> None:
    """The document of what was done with an environment; of several applications an array of theirs."""
    if len(documents) == 1:
        emit_json(documents[0])
    else:
        emit_json_rows(documents)


def emit_json_rows(rows: Iterable[Any]) -> None:
    """An array with a line for each element: thousands of them are written in a moment."""
    encode = json.JSONEncoder(check_circular=False).encode
    inner = ",\n  ".join(encode(row) for row in rows)
    click.echo(f"[\n  {inner}\n]" if inner else "[]")


def width() -> int | None:
    """The columns to fit into: the terminal's or $COLUMNS; None where output goes to a file or a program."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None


def printable(text: str) -> str:
    """The text on one line, what nobody would see shown as escapes."""
    return ref_component(" ".join(text.split()))


def unseen(repository: RepositoryId, polled: RepositoryState, *, has_environments: bool = True) -> str:
    """The sentence for a repository whose last look failed; one that was just added may have no environments yet."""
    since = f" since {moment(polled.succeeded_at)}" if polled.succeeded_at else ""
    error = printable(polled.error).removesuffix(".")
    rest = "; its environments are shown as last seen" if has_environments else ""
    return f"{repository} could not be read{since}: {error}{rest}."


def colored(status: str, text: str | None = None) -> str:
    """A status in its colour, on a terminal only."""
    shown = status if text is None else text
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return shown
    return click.style(shown, fg=_COLORS.get(status))  # type: ignore[call-overload]


def moment(at: datetime | None) -> str:
    """A time for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if at else ""


def commits(environment: Environment) -> str:
    """What the cloud has, what it is to have where that is another commit, and whether a rollback holds it there."""
    wanted = environment.target[:7]
    applied = (environment.applied.commit or "-")[:7]
    held = " (held)" if environment.pinned_commit else ""
    return (wanted if applied == wanted else f"{applied} → {wanted}") + held


def require_consent(yes: bool, what: str) -> None:
    """Refuses, before any work, where a person would have to be asked and none is there."""
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            f"`envmgr {what}` asks before it changes anything, and there is no terminal: give --yes."
        )


def ask(question: str) -> bool:
    """A yes or no from the person at the terminal; the question goes to standard error."""
    return click.confirm(visible(question), default=False, err=True)
