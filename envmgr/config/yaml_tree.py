"""YAML text as plain values with the line of every key, and all that is wrong with it at once.

Only what YAML 1.2's core schema calls numbers, booleans and null becomes one: `no`, `1_000` and dates stay text.
Built from the parser's events, so that nesting and aliases are bounded before anything is made of them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from envmgr.domain.values.names import ref_component

Path = tuple[str | int, ...]

MAX_DEPTH = 32
REPLACEMENT = "\ufffd"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BEYOND = 1 << 512  # Terraform's own bound
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_HINT = "look for a missing quote or bracket, a tab, or wrong indentation"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its line (1 is the first), the path of keys to it, and what and how to fix it."""

    line: int
    path: Path
    sentence: str

    def __str__(self) -> str:
        return f"{self.line}: {f'{dotted(self.path)}: ' if self.path else ''}{self.sentence}"


@dataclass(slots=True)
class Tree:
    """The value of a YAML document, the line of each key and list item, and the problems found."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest one above it that is written there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _UnreadableError(Exception):
    """The document cannot be read any further."""


def dotted(path: Path) -> str:
    """A path as people write it: `repositories[0].terraform.directory`; safe to print, and cut where endless."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in path)
    return ref_component(text.removeprefix("."))[:300]


def read_yaml(text: str, *, trusted: bool = True) -> Tree:
    """Reads one YAML document of mappings, lists and scalars; never raises for what the text holds.

    Problems are in the tree; where reading had to stop, its value is None. Untrusted text may have
    no anchors and aliases.
    """
    tree = Tree()
    try:
        events = YAML(typ="safe", pure=True).parse(text)
        tree.value = _Builder(tree, events, trusted=trusted).document()
    except _UnreadableError:
        tree.value = None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        tree.problems.append(
            Problem(line, (), f"this is not YAML: {ref_component(str(error.problem))}; {_HINT}")
        )
        tree.value = None
    except (YAMLError, ValueError) as error:
        where = getattr(error, "position", None)
        line = text.count("\n", 0, where) + 1 if isinstance(where, int) else 1
        sentence = "this is not YAML: it holds a character that text files do not have; remove it"
        tree.problems.append(Problem(line, (), sentence))
        tree.value = None
    return tree


class _Builder:
    """Makes values of the parser's events, depth first."""

    def __init__(self, tree: Tree, events: Iterator[Any], *, trusted: bool) -> None:
        self._tree = tree
        self._events = events
        self._trusted = trusted
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        """The value of the only document; None where the text is empty."""
        value = None
        seen = 0
        for event in self._events:
            kind = _kind(event)
            if kind == "DocumentStart":
                seen += 1
                if seen > 1 or event.version not in (None, (1, 2)):
                    self._stop(event, "only one YAML 1.2 document is read here; remove `---` and `%YAML`")
            elif kind not in ("StreamStart", "StreamEnd", "DocumentEnd"):
                value = self._value(event, ())
        return value

    def _value(self, event: Any, path: Path) -> Any:
        kind = _kind(event)
        if len(path) > MAX_DEPTH:
            self._stop(event, f"it is nested more than {MAX_DEPTH} deep; make it flatter", path)
        if kind == "Alias":
            return self._alias(event, path)
        self._check_properties(event, path)
        if kind == "MappingStart":
            value: Any = self._mapping(path)
        elif kind == "SequenceStart":
            value = self._sequence(path)
        else:
            value = self._scalar(event, path)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in self._events:
            if _kind(event) == "MappingEnd":
                break
            if _kind(event) != "Scalar":
                self._stop(event, "a key must be plain text; quote it if it holds brackets or braces", path)
            self._check_properties(event, path)
            key = self._text(event, path)
            inner = (*path, key)
            if key in mapping:
                first = self._tree.lines[inner]
                self._add(event, f"the key is there twice, first on line {first}; keep one", inner)
                self._value(next(self._events), inner)
                continue
            self._tree.lines.setdefault(inner, event.start_mark.line + 1)
            mapping[key] = self._value(next(self._events), inner)
        return mapping

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        for event in self._events:
            if _kind(event) == "SequenceEnd":
                break
            inner = (*path, len(items))
            self._tree.lines.setdefault(inner, event.start_mark.line + 1)
            items.append(self._value(event, inner))
        return items

    def _scalar(self, event: Any, path: Path) -> object:
        text = self._text(event, path)
        # Quoted, or a block: text, whatever it looks like.
        if not event.implicit[0]:
            return text
        try:
            return plain_value(text)
        except ValueError:
            self._add(event, "no such number can be given to Terraform; write it in quotes as text", path)
            return text

    def _text(self, event: Any, path: Path) -> str:
        """A scalar's text; two escapes that are one character in UTF-16, as JSON writes it, are that character."""
        text = str(event.value)
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if REPLACEMENT in text:
                self._add(event, "an escape in it is half a character; write the whole one", path)
        return text

    def _alias(self, event: Any, path: Path) -> Any:
        if not self._trusted:
            self._stop(event, "YAML anchors and aliases are not read here; write the value out", path)
        if event.anchor not in self._anchors:
            self._stop(event, f"there is no anchor &{event.anchor} before this alias", path)
        return self._anchors[event.anchor]

    def _check_properties(self, event: Any, path: Path) -> None:
        if event.tag is not None and not (_kind(event) == "Scalar" and event.tag == "!"):
            self._add(event, "YAML tags (`!…`) are not read here; remove it, and quote what is text", path)
        if event.anchor and not self._trusted:
            self._stop(event, "YAML anchors and aliases are not read here; write the value out", path)

    def _add(self, event: Any, sentence: str, path: Path = ()) -> None:
        self._tree.problems.append(Problem(event.start_mark.line + 1, path, sentence))

    def _stop(self, event: Any, sentence: str, path: Path = ()) -> None:
        # A path as deep as the limit would fill the screen.
        self._add(event, sentence, path[:6])
        raise _UnreadableError


def _kind(event: Any) -> str:
    return type(event).__name__.removesuffix("Event")


def plain_value(text: str) -> object:
    """A plain scalar's value by YAML 1.2's core schema; ValueError for a number out of bounds."""
    if text in ("", "~"):
        return None
    if text in (text.lower(), text.capitalize(), text.upper()) and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        number: float = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if abs(number) >= _BEYOND:
            raise ValueError("out of bounds")
        return number
    if _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text):
        number = float(text) if _FLOAT.fullmatch(text) else math.inf
        if not math.isfinite(number):
            raise ValueError("out of bounds")
        return number
    return text
