"""The bodies of webhooks: shown to their proofs as they come, kept only while there is room."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request

from envmgr.domain.rules.forge.webhooks import Proof

READ = 1 << 20
"""The largest body of which is read what it says, in bytes; of a larger one only whether it is genuine."""

LARGEST = 32 << 20
"""More than any forge sends, in bytes."""

_HELD = 32 << 20


class TooLarge(Exception):
    """A body is larger than any forge sends."""


@dataclass(slots=True)
class Held:
    """How many bytes of bodies are in memory, of all that are just being read; it is for one event loop."""

    size: int = 0

    async def read(self, request: Request, proofs: Collection[Proof]) -> bytes | None:
        """A body, which all proofs are fed with; None where it is too large, or too many come at once, to be kept.

        Raises TooLarge, and ClientDisconnect where the end did not come.
        """
        pieces: list[bytes] | None = []
        seen = kept = 0
        try:
            async for piece in request.stream():
                seen += len(piece)
                if seen > LARGEST:
                    raise TooLarge
                for proof in proofs:
                    proof.feed(piece)
                if pieces is not None and seen <= READ and self.size + len(piece) <= _HELD:
                    pieces.append(piece)
                    kept += len(piece)
                    self.size += len(piece)
                elif pieces is not None:
                    # Given back at once: the rest of it is only shown to the proofs.
                    pieces, self.size, kept = None, self.size - kept, 0
            return b"".join(pieces) if pieces is not None else None
        finally:
            self.size -= kept
