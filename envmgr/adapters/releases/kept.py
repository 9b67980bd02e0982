"""Versions of a tool below a folder: fetched from a source, verified, then kept."""

import fcntl
import hashlib
import io
import os
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.rules.versions import version as version_of
from envmgr.host.programs import platform_name
from envmgr.host.system import sync
from envmgr.ports.kept import KeptVersion, ToolName

from .signature import is_signed, read_keys, sum_of
from .source import VERSION, Source, file_names, program_of

_LIST_SECONDS = 3600.0
_UNUSED_SECONDS = 30 * 24 * 3600
_LARGEST_PROGRAM = 1024 * 1024 * 1024
_GONE, _PART = ".gone-", ".part-"


class KeptReleases:
    """See the port. Versions are in `<folder>/<version>/<program>`, and only ever appear there whole and verified."""

    def __init__(self, tool: ToolName, folder: Path, source: Source, keys: Sequence[Path] = ()) -> None:
        """Those of a tool, from a source; verified by the makers' key, or by `keys` in its place."""
        self._tool: ToolName = tool
        self._folder = folder
        self._source = source
        self._keys = keys
        self._listed: tuple[float, Sequence[str]] | None = None
        self._lock = threading.Lock()

    @property
    def tool(self) -> ToolName:
        """See the port."""
        return self._tool

    @property
    def place(self) -> str:
        """See the port."""
        return str(self._folder)

    def offered(self) -> Sequence[str]:
        """See the port."""
        with self._lock:
            if self._listed is None or time.monotonic() - self._listed[0] > _LIST_SECONDS:
                self._listed = time.monotonic(), tuple(self._source.versions())
            return self._listed[1]

    def kept(self) -> Sequence[KeptVersion]:
        """See the port."""
        found = [path for path in self._folder.glob("*/*") if path.name == program_of(self._tool)]
        known = {path: version_of(path.parent.name) for path in found}
        ordered = sorted((known[path], path) for path in found if known[path] is not None)
        return [
            KeptVersion(version=path.parent.name, path=str(path), size=path.stat().st_size)
            for _, path in ordered
        ]

    def find(self, version: str) -> str | None:
        """See the port."""
        if not VERSION.fullmatch(version):
            return None
        path = self._folder / version / program_of(self._tool)
        if not path.is_file():
            return None
        os.utime(path.parent)  # it is asked for, so it is not pruned
        return str(path)

    def install(self, version: str) -> str:
        """See the port."""
        if not VERSION.fullmatch(version):
            raise NeedsPerson(f"{version} is no version of {self._tool}: give it in full, such as 1.11.4.")
        with self._alone():
            return self.find(version) or self._fetch(version)

    def remove(self, version: str) -> bool:
        """See the port."""
        if not VERSION.fullmatch(version):
            return False
        with self._alone():
            if not (self._folder / version).is_dir():
                return False
            # Aside first: a folder that is half gone must not pass for a version.
            aside = Path(tempfile.mkdtemp(prefix=_GONE, dir=self._folder))
            (self._folder / version).rename(aside / "gone")
            shutil.rmtree(aside)
            return True

    def prune(self, used: Collection[str]) -> int:
        """See the port."""
        if any(self._left_over()):
            with self._alone():
                # Nobody else is at work, so what is there now was left by a process that died.
                for left in self._left_over():
                    shutil.rmtree(left, ignore_errors=True)
        recent = time.time() - _UNUSED_SECONDS
        unused = [
            each.version
            for each in self.kept()
            if each.version not in used and Path(each.path).parent.stat().st_mtime < recent
        ]
        return sum(self.remove(version) for version in unused)

    def _left_over(self) -> Iterator[Path]:
        """What is being fetched or removed, or was when a process died."""
        for prefix in (_GONE, _PART):
            yield from self._folder.glob(f"{prefix}*")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: two that want the same version would fetch it twice."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _fetch(self, version: str) -> str:
        archive, sums_file, signatures = file_names(self._tool, version, platform_name())
        sums = self._signed(version, sums_file, signatures)
        wanted = sum_of(sums, archive)
        if wanted is None:
            raise NeedsPerson(f"{self._tool} {version} has no build for this machine ({archive}).")
        with tempfile.TemporaryDirectory(prefix=_PART, dir=self._folder) as part:
            folder = Path(part, version)
            folder.mkdir(mode=0o700)
            with tempfile.TemporaryFile(dir=part) as file:
                self._source.copy(version, archive, file)
                file.seek(0)
                if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                    raise NeedsPerson(
                        f"{archive} is not what its makers signed (another checksum): it was thrown away. Look at "
                        "terraform.source, and at what stands between it and this host."
                    )
                file.seek(0)
                _unpack(file, program_of(self._tool), folder)
            # A claim will rely on it, where there may be nobody to have it from again.
            sync(folder)
            shutil.rmtree(self._folder / version, ignore_errors=True)
            folder.rename(self._folder / version)
            sync(self._folder)
        return str(self._folder / version / program_of(self._tool))

    def _signed(self, version: str, sums_file: str, signatures: Sequence[str]) -> bytes:
        """The checksums of a release, once one of the signatures that there may be is good."""
        keys, sums = read_keys(self._tool, self._keys), self._small(version, sums_file)
        missing: EnvmgrError | None = None
        for name in signatures:
            try:
                signature = self._small(version, name)
            except NeedsPerson as error:
                missing = error
                continue
            if is_signed(sums, signature, keys):
                return sums
            missing = None
        if missing is not None:
            raise missing
        raise NeedsPerson(
            f"The checksums of {self._tool} {version} are not signed by its makers: nothing was taken. Look at "
            "terraform.source; where its makers have a new key, give it as terraform.keys."
        )

    def _small(self, version: str, name: str) -> bytes:
        found = io.BytesIO()
        self._source.copy(version, name, found)
        return found.getvalue()


def _unpack(archive: io.BufferedRandom, program: str, folder: Path) -> None:
    """Only the program, under its own name: whatever else an archive has is not needed."""
    try:
        with zipfile.ZipFile(archive) as opened:
            if opened.getinfo(program).file_size > _LARGEST_PROGRAM:
                raise NeedsPerson(f"{program} in the archive is larger than any release: it was not taken.")
            with opened.open(program) as found, (folder / program).open("xb") as made:
                shutil.copyfileobj(found, made)
                made.flush()
                os.fsync(made.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise NeedsPerson(f"The archive of the release has no {program} in it: it was not taken.") from error
    (folder / program).chmod(0o755)
