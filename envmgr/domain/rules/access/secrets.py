"""Secrets that people carry: how they look, and what is kept of them."""

import re
from hashlib import sha256
from hmac import compare_digest

PREFIX = "envmgr_"
_FORM = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def as_token(random: str) -> str:
    """A token's text of 256 random bits, as `secrets.token_urlsafe(32)` gives them."""
    return PREFIX + random


def is_token(text: str) -> bool:
    """Whether a text may be a token at all."""
    return _FORM.fullmatch(text) is not None


def kept(secret: str) -> str:
    """What is kept of a secret. It is random enough that no salt and no slow hash is called for."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_same(digest: str, other: str) -> bool:
    """Whether two digests are the same, in a time that does not say where they differ."""
    return compare_digest(kept(digest), kept(other))
