"""A run's log as its page shows it: lines with numbers, grouped by the step that wrote them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from envmgr.views.visible import plain

SHOWN = 2000
"""How many lines a page holds; earlier ones are a page of their own."""
_TIMED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)", re.ASCII | re.DOTALL)
_STEP = re.compile(r"(?:terraform [a-z]+(?: [a-z]+)?|step [^:]+)")
_BAD = re.compile(r"(?:\W*error\b|panic:|step [^:]+: exit )", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, when it was written (empty where it does not say), and what it says."""

    number: int
    at: str
    text: str

    @property
    def clock(self) -> str:
        """The time of day."""
        return self.at[11:19]

    @property
    def is_step(self) -> bool:
        """Whether a step begins with it."""
        return bool(_STEP.fullmatch(self.text))

    @property
    def is_bad(self) -> bool:
        """Whether it tells of an error."""
        return bool(_BAD.match(self.text))


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one step; `title` is the line that it begins with."""

    title: str
    lines: Sequence[Line]
    is_open: bool

    @property
    def took(self) -> str:
        """From its first line to its last, in whole seconds; empty where that is not known."""
        first, last = self.lines[0].at, self.lines[-1].at
        if not first or not last:
            return ""
        seconds = int((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds())
        return f"{seconds // 60}m {seconds % 60}s" if seconds >= 60 else f"{seconds}s"


def line_of(number: int, raw: str) -> Line:
    """A line of a log file, with colours taken out and all else that is not text shown as escapes."""
    timed = _TIMED.fullmatch(raw.rstrip("\r"))
    at, text = timed.groups() if timed else ("", raw)
    return Line(number, at, plain(text))


def sections(lines: Iterable[Line], *, whole: bool) -> list[Section]:
    """Lines by step. Open is what people come for: the last step, and each that failed; all where `whole` says so."""
    groups: list[list[Line]] = []
    for line in lines:
        if line.is_step or not groups:
            groups.append([])
        groups[-1].append(line)
    return [
        Section(
            title=group[0].text if group[0].is_step else "Log",
            lines=group,
            is_open=whole or number == len(groups) or any(line.is_bad for line in group),
        )
        for number, group in enumerate(groups, start=1)
    ]


def matching(lines: Iterable[Line], wanted: str) -> Iterator[Line]:
    """The lines that have a text in them, in whatever case."""
    return (line for line in lines if wanted.casefold() in line.text.casefold())
