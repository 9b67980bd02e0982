"""Which of several names is the newest version, by the order of Semantic Versioning 2.0."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBERS = 4
"""How many numbers a version has at most; those that are left out are 0."""

# At most 18 digits: a name comes from outside, and reading a number of thousands of them is work.
_NUMBER = r"[0-9]{1,18}"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?({_NUMBER}(?:\.{_NUMBER}){{0,{_NUMBERS - 1}}})(?:-({_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?"
)
_LONGEST = 256


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version by all that it is compared by; what was built of it (`+…`) is no part of that.

    Of the same `numbers` the one that `is_final` is the newest, and what comes before it is told apart by
    `identifiers`: numbers by their size and before words, words letter by letter.
    """

    numbers: tuple[int, ...]
    is_final: bool
    identifiers: tuple[tuple[bool, int, str], ...] = ()


def version(name: str) -> Version | None:
    """The version that a name says, with or without a leading `v`; None where it says none.

    Other than the standard asks, `1.2`, `7` and `2026.01.05` are versions as well: tags of images and releases by date
    are written so. A name with a version somewhere in it, such as `release-1.2.0`, is none.
    """
    found = _VERSION.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    padded = (*numbers, *[0] * (_NUMBERS - len(numbers)))
    identifiers = found[2].split(".") if found[2] is not None else []
    return Version(padded, found[2] is None, tuple(map(_identifier, identifiers)))


def newest(names: Iterable[str], *, prereleases: bool = False) -> str | None:
    """The name of the newest version; None where no name says one.

    With `prereleases` those count as well. Of names that say the same version it is always the same one, in whatever
    order they come.
    """
    versions = ((version(name), name) for name in names)
    counted = [(found, name) for found, name in versions if found and (prereleases or found.is_final)]
    return max(counted)[1] if counted else None


def _identifier(text: str) -> tuple[bool, int, str]:
    """A number sorts before a word, and by its size however many digits it has."""
    digits = text.lstrip("0") or "0"
    return (False, len(digits), digits) if text.isdigit() else (True, 0, text)
