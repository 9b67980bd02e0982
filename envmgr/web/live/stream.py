"""Server-sent events: how one is written, and how long a stream goes on."""

from collections.abc import AsyncIterator

BEAT = 15.0
"""How often a stream says that it is alive where it has nothing to say (seconds)."""
LIFE = 600.0
"""How long a stream goes on before its reader has to come again, and to be allowed again (seconds)."""
ALIVE = b": alive\n\n"
BEGIN = b"retry: 1000\n\n"

Stream = AsyncIterator[bytes]


def event(number: int, data: bytes, name: str = "") -> bytes:
    """One event; `data` has no line break."""
    named = f"event: {name}\n".encode() if name else b""
    return b"%sid: %d\ndata: %s\n\n" % (named, number, data)
