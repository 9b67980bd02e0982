"""The seal on what is kept beside a state: whoever may write to the store cannot make one.

A first line with the seal stands before a zip archive, which every reader of zip files passes over. It binds the
content to its key in the store, so that one environment's bundle is never another's. It cannot tell an older bundle
of the same environment from the newest.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

_DOMAIN = b"envmgr-kept/1"
_LINE = re.compile(rb"envmgr-seal 1 ([0-9a-f]{16}) ([0-9a-f]{64})\n")
LENGTH = len("envmgr-seal 1 ") + 16 + len(" ") + 64 + len("\n")
"""Bytes of a seal."""


class Proof(StrEnum):
    """What a seal says of a content."""

    OURS = "ours"
    NONE = "none"
    OTHER_KEY = "other key"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals contents with a secret key, and tells its own seals from others."""

    key: bytes = field(repr=False)

    @property
    def mark(self) -> str:
        """What names the key and tells nothing of it."""
        return sha256(_DOMAIN + b"/key\0" + self.key).hexdigest()[:16]

    def close(self, name: str, content: bytes) -> bytes:
        """The content with a seal for this name before it."""
        return self.line(name, [content]) + content

    def line(self, name: str, content: Iterable[bytes]) -> bytes:
        """The seal for this name that stands before a content, which is given in pieces: a line of `LENGTH` bytes."""
        return f"envmgr-seal 1 {self.mark} {self._code(name, content)}\n".encode()

    def open(self, name: str, sealed: bytes) -> tuple[bytes, Proof]:
        """The content without its seal, and what that proves; nothing may rest on one whose proof is not `OURS`."""
        begin, content = sealed[:LENGTH], sealed[LENGTH:]
        proof = self.proof(name, begin, [content])
        return (sealed if proof is Proof.NONE else content), proof

    def proof(self, name: str, begin: bytes, content: Iterable[bytes]) -> Proof:
        """What the first `LENGTH` bytes prove of all that comes after them, in pieces; with `NONE` they are no seal."""
        found = _LINE.fullmatch(begin)
        if found is None:
            return Proof.NONE
        if found[1].decode() != self.mark:
            return Proof.OTHER_KEY
        is_ours = hmac.compare_digest(found[2].decode(), self._code(name, content))
        return Proof.OURS if is_ours else Proof.WRONG

    def _code(self, name: str, content: Iterable[bytes]) -> str:
        made = hmac.new(self.key, _DOMAIN + b"\0" + name.encode() + b"\0", sha256)
        for piece in content:
            made.update(piece)
        return made.hexdigest()
