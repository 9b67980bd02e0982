"""Two entries that watch the same branches of one address: each of these branches would get two environments."""

import re
from collections.abc import Callable, Iterable, Iterator
from string import ascii_lowercase, digits
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from envmgr.domain.values.names import EXCLUDES, matched_part, matches_any

_SCP = re.compile(r"(?:[^/@:]+@)?(\[[^\]/]+\]|[^/@:]+):(?!:|//)(.*)", re.DOTALL)
_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}
_ENOUGH = 3_000
T = TypeVar("T")


def including(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns, if there is one among them that does not only exclude, or none at all."""
    if patterns and all(pattern.startswith(EXCLUDES) for pattern in patterns):
        raise ValueError(
            f'`{EXCLUDES}` takes away from what others match: add a pattern without it, such as "*"'
        )
    return patterns


def watched_twice(entries: Iterable[tuple[T, str, tuple[str, ...]]]) -> Iterator[tuple[T, T, str]]:
    """Each entry (what it is, URL, patterns) that watches what an earlier one watches, with that one and such a branch."""
    earlier: dict[str, list[tuple[T, tuple[str, ...]]]] = {}
    for entry, url, patterns in entries:
        others = earlier.setdefault(address(url), [])
        for other, theirs in others:
            if (branch := common_branch(theirs, patterns)) is not None:
                yield entry, other, branch
                break
        others.append((entry, patterns))


def address(url: str) -> str:
    """What is the same for all ways to write where a repository is: by https, by ssh, with a user, with `.git`."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        found = _SCP.fullmatch(url)
        return _address(found[1].lower(), found[2]) if found else _address("", url)
    parts = urlsplit(url)
    host, port = (parts.hostname or "").removeprefix("localhost"), parts.port
    if scheme.lower() == "file":
        return _address("", unquote(parts.path))
    return _address(
        host if port in (None, _PORTS.get(scheme.lower())) else f"{host}:{port}", unquote(parts.path)
    )


def _address(host: str, path: str) -> str:
    return f"{host}/{path.strip('/').removesuffix('.git').rstrip('/')}"


def common_branch(first: tuple[str, ...], second: tuple[str, ...]) -> str | None:
    """A branch that both lists of patterns match, one of the shortest; None where none was found.

    All letters that no pattern names are alike, so one of them stands for all.
    """
    named = set("".join((*first, *second))) - {"*"}
    other = next((letter for letter in f"x{ascii_lowercase}{digits}" if letter not in named), "\u00e4")
    letters, state = [other, *sorted(named)], _state(*first, *second)
    seen: set[tuple[frozenset[int], ...]] = set()
    front = [""]
    while front and len(seen) < _ENOUGH:
        later: list[str] = []
        for branch in front:
            if branch and matches_any(branch, first) and matches_any(branch, second):
                return branch
            for longer in (branch + letter for letter in letters):
                if (reached := state(longer)) not in seen:
                    seen.add(reached)
                    later.append(longer)
        front = later
    return None


def _state(*patterns: str) -> Callable[[str], tuple[frozenset[int], ...]]:
    """How far into each pattern a beginning of a branch's name leads: what may follow depends on that alone."""
    plain = [pattern.removeprefix(EXCLUDES) for pattern in patterns]

    def of(beginning: str) -> tuple[frozenset[int], ...]:
        return tuple(
            frozenset(
                end for end in range(len(pattern) + 1) if matched_part(beginning, pattern[:end]) is not None
            )
            for pattern in plain
        )

    return of
