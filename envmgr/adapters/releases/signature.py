"""Whether the list of a release's checksums is what its makers signed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.ports.kept import ToolName

_PINNED: dict[ToolName, str] = {"terraform": "hashicorp.asc", "opentofu": "opentofu.asc"}
_SUM = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9._-]+)")


def pinned_key(tool: ToolName) -> bytes:
    """The key of a tool's makers, as it comes with envmgr."""
    return files(__package__).joinpath("keys", _PINNED[tool]).read_bytes()


def read_keys(tool: ToolName, keys: Sequence[Path]) -> list[bytes]:
    """The configured keys; without any the one that comes with envmgr. Raises NeedsPerson where one cannot be read."""
    try:
        return [path.read_bytes() for path in keys] or [pinned_key(tool)]
    except OSError as error:
        raise NeedsPerson(f"terraform.keys: {error.filename} cannot be read ({error.strerror}).") from error


def is_signed(sums: bytes, signature: bytes, keys: Sequence[bytes]) -> bool:
    """Whether any of the keys made a signature of the sums that is good now."""
    # Ten megabytes of machine code, which nothing else needs.
    from pysequoia import Cert, Sig, verify

    try:
        certs = [cert for each in keys for cert in Cert.split_bytes(each)]
        # A signature tells its own time: who found an old key could date one back to when the key was good.
        known = [cert for cert in certs if not cert.is_revoked and _is_current(cert.expiration)]
        found = verify(bytes=sums, store=lambda _: known, signature=Sig.from_bytes(signature))
    except Exception:  # noqa: BLE001  it has no error of its own: whatever it says, nothing is proven
        return False
    return bool(found.valid_sigs)


def _is_current(expiration: datetime | None) -> bool:
    return expiration is None or expiration > datetime.now(UTC)


def sum_of(sums: bytes, file: str) -> str | None:
    """The checksum (SHA-256, in hex) of a file by a list of them; None where the list does not have it just once."""
    lines = sums.decode("ascii", "replace").splitlines()
    found = [match[1] for line in lines if (match := _SUM.fullmatch(line.strip())) and match[2] == file]
    return found[0] if len(found) == 1 else None
