"""The key that seals what is kept beside the states: the operator's, else one of the data folder's own."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

from envmgr.config.sections.secrets import Secret, resolve
from envmgr.domain.documents.seal import LENGTH, Proof, Seal
from envmgr.domain.errors import NeedsPerson
from envmgr.host.system import sentences, sync, write_private

from .layout import Layout
from .services import Services

LEAST = 32
"""Characters of an operator's key: what people make up is shorter, what `openssl rand -hex 32` prints is not."""

_PIECE = 1024 * 1024
_ACCEPT = "where only people whom you trust can write to the store, `daemon: {unsealed_bundles: accept}` takes it all the same"
_UNPROVEN = {
    Proof.NONE: f"has no seal, as what older releases of envmgr kept had none: {_ACCEPT}",
    Proof.OTHER_KEY: f"was sealed with another key: give that one as daemon.bundle_key, or, {_ACCEPT}",
    Proof.WRONG: f"was altered after envmgr had sealed it: bring back an earlier version of it, or, {_ACCEPT}",
}


def opened(services: Services, key: str, sealed: bytes) -> bytes:
    """The content of what is kept at a key; NeedsPerson where it was not surely kept by us, and no person accepts that."""
    content, proof = services.seal.open(key, sealed)
    _require(services, key, proof)
    return content


def check_sealed(services: Services, key: str, file: Path) -> None:
    """The same of a file, of any size, that holds what is kept at a key; its content is what follows the seal, if any."""
    with file.open("rb") as sealed:
        proof = services.seal.proof(key, sealed.read(LENGTH), pieces(sealed))
    _require(services, key, proof)


def close_file(seal: Seal, key: str, file: Path) -> None:
    """Writes the seal for a key over the first `LENGTH` bytes of a file, which were left free for it."""
    with file.open("r+b") as content:
        content.seek(LENGTH)
        line = seal.line(key, pieces(content))
        content.seek(0)
        content.write(line)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file, a piece at a time."""
    while piece := file.read(_PIECE):
        yield piece


def _require(services: Services, key: str, proof: Proof) -> None:
    if proof is not Proof.OURS and not services.accepts_unsealed:
        raise NeedsPerson(f"{key} {_UNPROVEN[proof]}")


def seal_of(key: Secret | None, layout: Layout, environ: Mapping[str, str]) -> Seal:
    """The seal by the configured key; without one by a key that is made in the data folder, and lost with it.

    Raises NeedsPerson for a key that cannot be read or is too short.
    """
    text = resolve(key, environ) if key is not None else _own(layout.bundle_key)
    if len(text) < LEAST:
        raise NeedsPerson(
            f"daemon.bundle_key has fewer than {LEAST} characters: make one with `openssl rand -hex 32`."
        )
    return Seal(_digested(text))


def is_own(seal: Seal, layout: Layout) -> bool:
    """Whether a seal is by the key that only this data folder has."""
    path = layout.bundle_key
    return path.is_file() and Seal(_digested(_own(path))).mark == seal.mark


def _digested(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _own(path: Path) -> str:
    """The key in the data folder, made once, whole, by whichever process comes first."""
    if not path.exists():
        new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_private(new, f"{secrets.token_hex(32)}\n", durable=True)
        # A hard link is made whole or not at all, and only by the first: two processes that start together
        # agree on one key.
        with suppress(FileExistsError):
            path.hardlink_to(new)
        new.unlink()
        with sentences("The key of what is kept cannot be put on disk", path):
            sync(path.parent)
    return path.read_text().strip()
