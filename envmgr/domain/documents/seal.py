"""The seal on what is kept beside a state: whoever may write to the store cannot make one.

A first line with the seal stands before a zip archive, which every reader of zip files passes over. It binds the
content to its key in the store, so that one environment's bundle is never another's. It cannot tell an older bundle
of the same environment from the newest.
"""

import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

_DOMAIN = b"envmgr-kept/1"
_LINE = re.compile(rb"envmgr-seal 1 ([0-9a-f]{16}) ([0-9a-f]{64})\n")


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
        return f"envmgr-seal 1 {self.mark} {self._code(name, content)}\n".encode() + content

    def open(self, name: str, sealed: bytes) -> tuple[bytes, Proof]:
        """The content without its seal, and what that proves; nothing may rest on one whose proof is not `OURS`."""
        found = _LINE.match(sealed)
        if found is None:
            return sealed, Proof.NONE
        content, mark, code = sealed[found.end() :], found[1].decode(), found[2].decode()
        if mark != self.mark:
            return content, Proof.OTHER_KEY
        is_ours = hmac.compare_digest(code, self._code(name, content))
        return content, Proof.OURS if is_ours else Proof.WRONG

    def _code(self, name: str, content: bytes) -> str:
        made = hmac.new(self.key, _DOMAIN + b"\0" + name.encode() + b"\0", sha256)
        made.update(content)
        return made.hexdigest()
