"""An organization's provider packages, shared by its environments, and nobody else's.

Only envmgr fills it. Terraform's `init` gets a private plugin cache with links to the packages that it may use, and
verifies there what it downloads; what is new then moves in, its checksum compared once more, and is read-only from
then on. Before a command uses providers, each must be a package of this cache that has not changed since: known by
the stamps of its files, or, where these differ, by its checksum.

An `init` of code and lock file that were satisfied from this cache before takes a shared lock, any other an exclusive
one, so that nothing is downloaded twice. Terraform inherits the lock's descriptor: it holds even where envmgr is
killed meanwhile, and nothing that it uses is pruned.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import structlog

from envmgr.domain.errors import Transient
from envmgr.host.leftovers import clear

from .lock_file import selections_of
from .packages import Pin, checksum, is_plain, make_read_only, stamps

log = structlog.get_logger()

# flock knows no time limit, and nothing to be woken by where envmgr stops.
_POLL_SECONDS = 0.05
_VERSIONS = "*/*/*/*"
"""Below a data folder's `providers`, and below the packages: host, namespace, type, version."""
_HELD = ".lock"
"""Beside a package: what OpenTofu holds while it installs that without a cache, and leaves there."""
_DEPTH = 5
"""Levels below a data folder's `providers` down to a package: those of a version, and the platform."""


class ProviderCache:
    """A folder of verified provider packages, with a record of the selections it is known to satisfy."""

    def __init__(self, folder: Path) -> None:
        """The cache in `folder`, which is created (0700) when first used."""
        folder = folder.absolute()  # links lead there
        self._folder = folder
        self.packages = folder / "packages"
        self._incoming = folder / "incoming"
        self._satisfied = folder / "satisfied"
        self._removed = folder / "removed"
        self._lock = folder / "providers.lock"

    def create(self) -> None:
        """Makes the folders."""
        for path in (self._folder, self.packages, self._incoming, self._satisfied):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def shared(self) -> Path:
        """See the port."""
        self.create()
        return self.packages

    @contextmanager
    def held(self, selections: str, keep_waiting: Callable[[], bool]) -> Iterator[int | None]:
        """Holds the cache for one `init`; gives the lock's descriptor, None where waiting was given up.

        `selections` identifies what the `init` will ask of the cache.
        """
        kind = fcntl.LOCK_SH if self._record(selections).exists() else fcntl.LOCK_EX
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor if _acquired(descriptor, kind, keep_waiting) else None
        finally:
            os.close(descriptor)

    @contextmanager
    def offered(self, data: Path, lock_file: str | None) -> Iterator[Path]:
        """A private plugin cache for one `init` of a data folder; what is left in it goes. Call it while held.

        It has links to all packages but those that the lock file would not accept: these Terraform would replace,
        through the link.
        """
        shutil.rmtree(data / "providers", ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            for package in self.packages.glob(f"{_VERSIONS}/*"):
                if package.suffix != ".json" and self._may_be_used(package, lock_file or ""):
                    _link(folder.joinpath(*_place(package)), package)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def take(self, data: Path, lock_file: str | None, mirrors: Sequence[str] = ()) -> None:
        """Moves in what an `init` brought, and makes the data folder link to packages of this cache only.

        `mirrors` are folders of the operator's, whose packages stay there. Raises Transient where a package is not what
        the lock file says: it was changed after Terraform verified it.
        """
        for left in (data / "providers").glob(f"{_VERSIONS}/*{_HELD}"):
            clear(left)
        for place in (data / "providers").glob(f"{_VERSIONS}/*"):
            package = place.resolve()
            if not package.is_relative_to(self.packages.resolve()):
                package = self._moved_in(package, place.parts[-_DEPTH:], lock_file or "", mirrors)
            _link(place, package)

    def elsewhere(self) -> tuple[str, ...]:
        """Where the packages lie that are not in here: in the operator's mirrors."""
        links = (path for path in self.packages.glob(f"{_VERSIONS}/*") if path.is_symlink())
        return tuple(str(path.resolve()) for path in links)

    def vouches(self, data: Path) -> bool:
        """Whether all providers that a data folder leads to are packages of this cache, as they were verified."""
        return all(self._is_ours(path) for path in _ends(data / "providers"))

    def satisfied(self, selections: str) -> None:
        """Remembers that the cache has all of this; call it while held."""
        self._satisfied.mkdir(mode=0o700, exist_ok=True)
        self._record(selections).touch(mode=0o600)

    def prune(self, lock_files: Iterable[str], data_folders: Callable[[], Iterable[Path]], age: float) -> int:
        """Deletes providers that nothing has used for `age` seconds; gives their number.

        In use is what a lock file of `lock_files` selects, and what a data folder of Terraform's links to.
        Does nothing while an `init` runs: the next round comes.
        """
        if not self._folder.is_dir():
            return 0
        selected = {selection for text in lock_files for selection in selections_of(text)}
        # What an earlier round had taken away and could not delete.
        self._sweep()
        with self.held("", lambda: False) as lock:
            if lock is None or not self.packages.is_dir():
                return 0
            for left in self._incoming.glob("*"):  # by an `init` that was killed
                _delete(left)
            linked = {
                path.parts[-4:] for data in data_folders() for path in data.glob(f"providers/{_VERSIONS}")
            }
            unused = [path for path in self._versions(selected | linked) if _age(path) > age]
            if unused:
                shutil.rmtree(self._satisfied, ignore_errors=True)  # first: nobody is to rely on what goes
            for path in unused:
                self._take_away(path)
        self._sweep()
        return len(unused)

    def _may_be_used(self, package: Path, lock_file: str) -> bool:
        """Whether it is sound, and the lock file either selects this very package or another version, or none."""
        *source, version, _ = _place(package)
        pin = self._sound(package)
        selects = f'"{"/".join(source)}"' in lock_file and f'"{version}"' in lock_file
        return pin is not None and (not selects or f'"{pin.checksum}"' in lock_file)

    def _moved_in(
        self, package: Path, place: tuple[str, ...], lock_file: str, mirrors: Sequence[str]
    ) -> Path:
        is_the_operators = any(package.is_relative_to(Path(mirror).resolve()) for mirror in mirrors)
        if not is_the_operators:
            package = self._out_of_reach(package)
        found = checksum(package)
        if f'"{found}"' not in lock_file:
            raise Transient(
                f"The provider {'/'.join(place[:4])} was changed after Terraform had verified it."
            )
        ours = self.packages.joinpath(*place[:-1], f"{place[-1]}.{sha256(found.encode()).hexdigest()[:16]}")
        if self._sound(ours) is None:
            _delete(ours)
            ours.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_the_operators:
                ours.symlink_to(package)
            else:
                package.rename(ours)
                make_read_only(ours)
            # The pin last: a package without one is never used.
            Pin(found, stamps(ours)).write(_pin_of(ours))
        return ours

    def _out_of_reach(self, package: Path) -> Path:
        """What was left for us, with nothing in it that leads elsewhere: there a branch could exchange it later.

        Terraform puts what it fetches into the private folder. What lies anywhere else is copied.
        """
        if package.is_relative_to(self._incoming.resolve()) and is_plain(package):
            return package
        copy = Path(tempfile.mkdtemp(dir=self._incoming)) / package.name
        try:
            shutil.copytree(package, copy)
        except (OSError, shutil.Error) as error:
            raise Transient(
                f"The provider in {package.name} cannot be kept: it is no folder of files."
            ) from error
        return copy

    def _is_ours(self, end: Path) -> bool:
        if len(end.parts) < _DEPTH or not end.is_symlink():
            return False
        package = end.readlink()
        is_here = package.is_relative_to(self.packages) and _place(package) == end.parts[-_DEPTH:]
        return is_here and self._sound(package) is not None

    def _sound(self, package: Path) -> Pin | None:
        """Its pin, where it is as it was when it was verified."""
        pin = Pin.read(_pin_of(package))
        if pin is None or not package.is_dir():
            return None
        now = stamps(package)
        if now == pin.files:
            return pin
        if checksum(package) == pin.checksum:  # touched, copied or restored from a backup
            Pin(pin.checksum, now).write(_pin_of(package))
            return pin
        log.warning(
            f"The provider {'/'.join(_place(package)[:4])} is no longer what was verified, and is fetched again.",
            action="provider-changed",
        )
        _pin_of(package).unlink(missing_ok=True)
        return None

    def _versions(self, used: set[tuple[str, ...]]) -> Iterator[Path]:
        """The unused ones; those in use are marked with the present."""
        for path in self.packages.glob(_VERSIONS):
            if path.parts[-4:] in used:
                os.utime(path)
            else:
                yield path

    def _take_away(self, path: Path) -> None:
        """In one step, so that no half of a package is ever found."""
        self._removed.mkdir(mode=0o700, exist_ok=True)
        path.rename(Path(tempfile.mkdtemp(dir=self._removed)) / path.name)
        with suppress(OSError):  # until one holds other providers
            for folder in path.parents[:3]:
                folder.rmdir()

    def _sweep(self) -> None:
        _delete(self._removed)

    def _record(self, selections: str) -> Path:
        return self._satisfied / sha256(selections.encode(errors="surrogateescape")).hexdigest()


def _place(package: Path) -> tuple[str, ...]:
    """Host, namespace, type, version and platform of a package of the cache."""
    *above, name = package.parts[-_DEPTH:]
    return (*above, name.partition(".")[0])


def _pin_of(package: Path) -> Path:
    return package.with_name(f"{package.name}.json")


def _link(place: Path, target: Path) -> None:
    """Makes `place` a link, whatever it was."""
    _delete(place)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.symlink_to(target)


def _ends(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """All that lies at the depth of packages, and what is above it and no folder."""
    if depth == 0 or folder.is_symlink() or not folder.is_dir():
        if folder.is_symlink() or folder.exists():
            yield folder
        return
    for each in folder.iterdir():
        yield from _ends(each, depth - 1)


def _delete(path: Path) -> None:
    """A link, or a folder with read-only ones in it; what stays is tried again by the next round."""
    if path.is_symlink():
        path.unlink()
        return
    for folder, _, _ in os.walk(path):
        with suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _acquired(descriptor: int, kind: int, keep_waiting: Callable[[], bool]) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if not keep_waiting():
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
