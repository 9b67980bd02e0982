"""Terraform's diagnostics: what went wrong, and where in which file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from posixpath import join, normpath
from typing import Any

from .variables import FOLDER

_UNDECLARED = ("Value for undeclared variable", "Values for undeclared variables")
_CHECK = 'check "'
_ASSERTION = "Check block assertion failed"
_LATER = "known after apply"
_LOCATION = re.compile(r"(?P<file>[^\s:;]+):(?P<line>\d+),(?P<column>\d+)-")


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file of the module: name relative to the root, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def within(self, folder: str) -> "Location":
        """The same place, its file named from where `folder` is the root's path."""
        return replace(self, file=normpath(join(folder, self.file)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One error or warning; `context` is the block it is in, `code` the source lines, `values` what they held."""

    severity: str
    summary: str
    detail: str = ""
    location: Location | None = None
    context: str = ""
    code: str = ""
    values: tuple[str, ...] = ()
    address: str = ""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Diagnostic":
        """Reads the `diagnostic` of a message, or one of `validate -json`.

        What is wrong in the file of our values has no place, and shows none of them.
        """
        location = _location(document.get("range"))
        is_ours = location is not None and location.file.startswith(FOLDER)
        snippet = {} if is_ours else document.get("snippet") or {}
        return cls(
            severity=str(document.get("severity", "error")),
            summary=str(document.get("summary", "")),
            detail=str(document.get("detail", "")),
            location=None if is_ours else location,
            context=str(snippet.get("context") or ""),
            code=str(snippet.get("code") or ""),
            values=tuple(_values(snippet.get("values") or ())),
            address=str(document.get("address") or ""),
        )

    @property
    def is_error(self) -> bool:
        """Whether it made the command fail."""
        return self.severity == "error"

    @property
    def is_noise(self) -> bool:
        """Whether it only says that our file gives more than a module declares, as it does to all of them."""
        is_other = "was found in file" in self.detail and FOLDER not in self.detail
        return not self.is_error and self.summary in _UNDECLARED and not is_other

    def failing_check(self, folder: str = "") -> str:
        """Which check of the code does not hold, where and why; empty where it is none.

        Also one that cannot be made: Terraform only warns of that, too. `folder` is the root's path in the branch.
        """
        if self.is_error or not self.context.startswith(_CHECK) or self.summary.endswith(_LATER):
            return ""
        place = f" ({self.location.within(folder)})" if self.location else ""
        why = (
            self.detail if self.summary == _ASSERTION else f"{self.summary}. {self.detail}".removesuffix(". ")
        )
        return f"{self.context}{place}: {' '.join(why.split())}"

    def locations(self) -> list[Location]:
        """Its own place and those its detail names."""
        named = [
            Location(m["file"], int(m["line"]), int(m["column"])) for m in _LOCATION.finditer(self.detail)
        ]
        return ([self.location] if self.location else []) + named

    def __str__(self) -> str:
        """The diagnostic as Terraform prints it for people."""
        paragraphs = [f"{self.severity.capitalize()}: {self.summary}"]
        if self.address:
            paragraphs.append(f"  with {self.address},")
        if self.location:
            within = f", in {self.context}" if self.context else ""
            source = "".join(f"\n    {line}" for line in self.code.splitlines())
            paragraphs.append(f"  on {self.location.file} line {self.location.line}{within}:{source}")
        paragraphs += [f"    {value}" for value in self.values]
        return "\n".join([*paragraphs, *self.detail.splitlines()])


def _location(document: Mapping[str, Any] | None) -> Location | None:
    if not document or not document.get("filename"):
        return None
    start = document.get("start") or {}
    return Location(str(document["filename"]), int(start.get("line", 1)), int(start.get("column", 1)))


def _values(values: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for value in values:
        yield f"{value.get('traversal', '')} {value.get('statement', '')}"
