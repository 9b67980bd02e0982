"""Which variables a module declares, and which of those that it is given it does not take."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_BLOCK = re.compile(r'\bvariable\s*"?([^\W\d][\w-]*)"?\s*\{')
_MAYBE = re.compile(r"^\s*variable\b(?!\s*[.=])", re.MULTILINE)
_LIKE = 0.75


@dataclass(frozen=True, slots=True)
class Untaken:
    """A variable that no variable of the code takes, and the one that may be meant (empty: none is like it).

    `in_branch` says that the branch gives it, else the organization file does.
    """

    name: str
    like: str
    in_branch: bool

    def __str__(self) -> str:
        where = ".envmgr.yaml" if self.in_branch else "the organization file"
        meant = f"; did you mean `{self.like}`?" if self.like else "."
        return f"Warning: the code has no variable `{self.name}`, which {where} sets{meant}"


def declared(files: Mapping[str, str]) -> frozenset[str] | None:
    """The variables that code declares, by its files' names and texts; None where that cannot be told.

    What stands in a comment counts as declared: nobody is warned for nothing.
    """
    found: set[str] = set()
    for name, text in files.items():
        names = _in_json(text) if name.endswith(".json") else _in_text(text)
        if names is None:
            return None
        found.update(names)
    return frozenset(found)


def untaken(
    names: Iterable[str], known: Collection[str], given: Collection[str], *, in_branch: bool, needs_like: bool
) -> tuple[Untaken, ...]:
    """Those of some names that are not `known`, each with what may be meant: one that nothing is `given` for.

    With `needs_like` only those for which there is such a one: the others may be meant for other code.
    """
    from difflib import get_close_matches  # only here: whoever reads records has no need of it

    free = sorted(set(known) - set(given))
    found = [
        Untaken(name, next(iter(get_close_matches(name, free, 1, _LIKE)), ""), in_branch)
        for name in sorted(set(names) - set(known))
    ]
    return tuple(each for each in found if each.like or not needs_like)


def _in_text(text: str) -> set[str] | None:
    names = _BLOCK.findall(text)
    return None if len(_MAYBE.findall(text)) > len(names) else set(names)


def _in_json(text: str) -> set[str] | None:
    try:
        return set(_keys(_members(json.loads(text), "variable")))
    except (ValueError, RecursionError):
        return None


def _members(document: object, key: str) -> Iterable[object]:
    """The values of a key in an object, or in each object of a list."""
    for each in document if isinstance(document, list) else [document]:
        if isinstance(each, dict) and key in each:
            yield each[key]


def _keys(blocks: Iterable[object]) -> Iterable[str]:
    for block in blocks:
        for each in block if isinstance(block, list) else [block]:
            yield from each if isinstance(each, dict) else ()
