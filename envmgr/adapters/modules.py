"""The Terraform modules that come with envmgr, kept by their content while an environment uses them."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.host.leftovers import clear, temporary
from envmgr.host.system import sentences, sync

_RECENT = 24 * 3600  # seconds


class Modules:
    """`terraform_modules/` and the copies made of it.

    A module may change with the next release of envmgr, and a destroy needs the files that were
    applied: so each version in use is kept as `<kept>/<name>/<sha256>`.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self._folder = folder
        self._kept = kept

    def tree(self, name: str) -> str:
        """The SHA-256 over a module's files (names and content, its tests left out)."""
        return _digest(self._source(name))

    def keep(self, name: str) -> str:
        """Keeps the module as it is now; gives its tree."""
        tree = self.tree(name)
        target = self._kept / name / tree
        if not target.is_dir():
            _copy_whole(self._source(name), target, replaces=False)
        os.utime(target)
        return tree

    def checkout(self, name: str, tree: str, destination: Path) -> None:
        """Makes `destination` hold exactly a kept version's files; raises NeedsPerson where it was not kept."""
        _copy_whole(self._version(name, tree), destination)

    def export(self, name: str, tree: str, archive: Path) -> None:
        """Writes a kept version's files to a tar archive."""
        with (
            sentences("A module that is to be kept cannot be written", archive),
            tarfile.open(archive, mode="x") as opened,
        ):
            for relative, path in _files(self._version(name, tree)):
                member = tarfile.TarInfo(relative)
                member.size = path.stat().st_size
                with path.open("rb") as file:
                    opened.addfile(member, file)

    def unpack(self, archive: Path, tree: str, destination: Path) -> None:
        """Makes `destination` hold what `export` archived; NeedsPerson where it is not the module of this tree."""
        destination.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with temporary(destination.parent, ".unpacked-") as folder:
            try:
                with tarfile.open(archive, mode="r:") as opened:
                    opened.extractall(folder, filter="data")
            except (tarfile.TarError, ValueError, OSError) as error:
                raise NeedsPerson(f"The kept module cannot be unpacked: {error}.") from error
            if _digest(folder) != tree:
                raise NeedsPerson(f"The kept module is not the one that was applied ({tree[:12]}).")
            _copy_whole(folder, destination)

    def prune(self, used: Iterable[tuple[str, str]]) -> int:
        """Deletes the kept versions that are not among the used (name, tree); gives their number.

        One kept within the last day stays: whoever plans with it has no claim on it yet.
        """
        wanted, recent = set(used), time.time() - _RECENT
        unused = [
            p
            for p in self._kept.glob("*/*")
            if (p.parent.name, p.name) not in wanted and p.stat().st_mtime < recent
        ]
        for path in unused:
            clear(path)
        return len(unused)

    def _version(self, name: str, tree: str) -> Path:
        kept = self._kept / name / tree
        if not kept.is_dir():
            raise NeedsPerson(f"Module {name} as it was applied ({tree[:12]}) is missing: restore {kept}.")
        return kept

    def _source(self, name: str) -> Path:
        there = sorted(path.parent.name for path in self._folder.glob("*/*.tf"))
        if name not in there:
            known = ", ".join(dict.fromkeys(there)) or f"none in {self._folder}"
            raise NeedsPerson(f"There is no module {name!r}; the modules are: {known}.")
        return self._folder / name


def packaged_folder() -> Path:
    """Where `terraform_modules/` is: beside the package in a checkout, within it when installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_terraform_modules"
    return installed if installed.is_dir() else package.parent / "terraform_modules"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for relative, path in _files(folder):
        digest.update(f"{relative}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in (".terraform", "tests"):
            yield relative.as_posix(), path


def _copy_whole(source: Path, target: Path, *, replaces: bool = True) -> None:
    """Copies a module so that `target` is there as a whole or not at all.

    What `replaces` nothing leaves what another has put there meanwhile: somebody may be reading it.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    for relative, path in _files(source):
        (partial / relative).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(path, partial / relative)
    if replaces:
        clear(target)
    else:
        # A claim will rely on it: half of a module under this name would pass for it after a power cut.
        for made in (partial, *partial.rglob("*")):
            sync(made)
    try:
        partial.replace(target)
    except OSError:
        clear(partial)
        if replaces or not target.is_dir():
            raise
    for folder in () if replaces else (target.parent, target.parent.parent):
        sync(folder)
