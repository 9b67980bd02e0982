"""The command `ls-refs` of git's protocol 2: the question, and its answer as `git ls-remote --symref` prints it."""

import re
from collections.abc import Iterable

_DELIMITER, _FLUSH = b"0001", b"0000"
_SHA_256 = 64  # digits
# No byte that git's own rules keep out of a name (`git check-ref-format`).
_NAME = rb"(?:HEAD|refs/[^\x00-\x20\x7f~^:?*\[\\]+)"
_REF = re.compile(
    rb"(?P<at>[0-9a-f]{40}|[0-9a-f]{64}) (?P<name>%b)(?: symref-target:(?P<target>%b))?(?: peeled:(?P<peeled>[0-9a-f]+))?\n"
    % (_NAME, _NAME)
)
_LENGTH = re.compile(rb"[0-9a-f]{4}")
_SHORTEST = 4


def question(digits: int) -> bytes:
    """What asks for all refs of a repository whose object names have so many digits."""
    capabilities = [b"object-format=sha256\n"] if digits == _SHA_256 else []
    asked = _packed([b"command=ls-refs\n", *capabilities])
    return asked + _DELIMITER + _packed([b"peel\n", b"symrefs\n"]) + _FLUSH


def as_listed(answer: bytes) -> bytes | None:
    """What git prints of an answer; None where it is not one whole list of refs and nothing besides.

    Each ref is one packet as git sends it, each name is there once, all object names are as long, and the end is the flush.
    """
    lines: list[bytes] = []
    names: set[bytes] = set()
    digits: set[int] = set()
    at = 0
    while (packet := _packet(answer, at)) is not None:
        found = _REF.fullmatch(packet)
        if found is None or found["name"] in names:
            return None
        name, commit, target, peeled = found.group("name", "at", "target", "peeled")
        names.add(name)
        digits.update(len(each) for each in (commit, peeled) if each is not None)
        if target is not None:
            lines.append(b"ref: %b\t%b\n" % (target, name))
        lines.append(b"%b\t%b\n" % (commit, name))
        if peeled is not None:
            lines.append(b"%b\t%b^{}\n" % (peeled, name))
        at += _SHORTEST + len(packet)
    return b"".join(lines) if answer[at:] == _FLUSH and len(digits) == 1 else None


def _packet(answer: bytes, at: int) -> bytes | None:
    """The packet that begins there; None where there is none, or not as long as it says."""
    length = answer[at : at + _SHORTEST]
    if _LENGTH.fullmatch(length) is None or (end := at + int(length, 16)) <= at + _SHORTEST:
        return None
    return answer[at + _SHORTEST : end] if end <= len(answer) else None


def _packed(lines: Iterable[bytes]) -> bytes:
    return b"".join(b"%04x%b" % (_SHORTEST + len(line), line) for line in lines)
