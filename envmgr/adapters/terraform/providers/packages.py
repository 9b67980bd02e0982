"""What a provider package holds: its checksum as lock files have it, and by what a change of it is noticed cheaply."""

import json
import os
import stat
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""Size, times of the last change of content and of anything, and inode: no write leaves all four as they were."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A package that was verified once: its checksum, and the stamps of its files right then."""

    checksum: str
    files: Mapping[str, Stamp]

    def write(self, path: Path) -> None:
        """Writes it down, whole or not at all."""
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(json.dumps(asdict(self)))
        new.chmod(0o600)
        new.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Pin | None":
        """What was written down; None where there is nothing of use."""
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            found = json.loads(path.read_text())
            files = {name: tuple(stamp) for name, stamp in found["files"].items()}
            return cls(str(found["checksum"]), files)
        return None


def checksum(package: Path) -> str:
    """The `h1:` checksum of an unpacked package: over the names and the content of all its files."""
    lines = sha256()
    for name, path in sorted(_files(package)):
        with path.open("rb") as file:
            lines.update(
                f"{file_digest(file, 'sha256').hexdigest()}  {name}\n".encode(errors="surrogateescape")
            )
    return f"h1:{b64encode(lines.digest()).decode()}"


def stamps(package: Path) -> dict[str, Stamp]:
    """The stamps of all files of a package."""
    found = {}
    for name, path in _files(package):
        status = path.stat()
        found[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return found


def make_read_only(package: Path) -> None:
    """Takes away everybody's right to write, ours included."""
    for folder, _, names in os.walk(package):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        Path(folder).chmod(0o500)


def is_plain(package: Path) -> bool:
    """Whether there is nothing in it but files and folders: no link, which leads elsewhere, and no pipe."""
    return all(
        stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        for folder, folders, names in os.walk(package)
        for mode in (os.lstat(Path(folder, name)).st_mode for name in (*folders, *names))
    )


def _files(package: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name in the package; what a link leads to counts, as it does for who runs it."""
    for folder, _, names in os.walk(package):
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(package)), path
