"""Clearing the folders that code of a branch could write to, whatever it left there.

Such code may take away permissions, put a link or a file where a folder of ours goes, nest folders deeper than any
path may be, or leave files of another user. None of it may block the next run. So what is to go is first moved away
in one step, then taken apart from there by descriptors, never by a path: no link is followed, and no depth is too
much. What even then does not go (another user's full folder) stays put aside, under a name that says so.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import ref_component

ASIDE = ".aside-"
"""How the names of folders begin that hold what is being removed, or could not be."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = 1_000  # names: a folder of millions is never in memory as a whole
_ROUNDS = 100_000  # who writes faster than we remove would hold us for ever


def clear(path: Path) -> Path | None:
    """Removes what is at a path, if anything: a file, a link, a folder with all in it.

    Where that cannot be removed it is put aside in the same folder: its new place is given, and logged. Raises
    NeedsPerson where it can't even be moved.
    """
    try:
        with _opened(path.parent) as parent:
            if _is_folder(path.name, parent):
                return _clear_folder(path, parent)
            os.unlink(path.name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _stuck(path, error) from error
    return None


def sweep(*paths: Path) -> None:
    """As `clear` after the work, which is not to fail by it: what does not go is the next run's to clear."""
    for path in paths:
        try:
            clear(path)
        except NeedsPerson as error:
            _warn(str(error), action="not-swept")


def private(folder: Path) -> None:
    """Makes a folder for its owner only, or makes it so again; what else has its name is cleared.

    The folder it lies in must be there. Raises NeedsPerson where it cannot be had.
    """
    try:
        with _opened(folder.parent) as parent:
            if not _is_ours(folder.name, parent):
                clear(folder)
                os.mkdir(folder.name, 0o700, dir_fd=parent)
            with _opened(folder.name, parent) as descriptor:
                # By descriptor: what has this path may be exchanged at any moment.
                os.fchmod(descriptor, 0o700)
    except OSError as error:
        raise _stuck(folder, error) from error


def make_plain(path: Path) -> None:
    """Clears what stands in the place of a file and is none; one that is there its owner may read and write again.

    Raises NeedsPerson where it cannot be had.
    """
    try:
        with _opened(path.parent) as parent:
            handle = os.open(path.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _stuck(path, error) from error
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            clear(path)
        elif mode & 0o600 != 0o600:
            Path(f"/proc/self/fd/{handle}").chmod(stat.S_IMODE(mode) | 0o600)
    except OSError as error:
        raise _stuck(path, error) from error
    finally:
        os.close(handle)


def tidy(folders: Iterable[Path]) -> list[Path]:
    """Tries once more what was put aside in some folders; gives what still stays."""
    aside = [path for folder in folders for path in folder.glob(f"{ASIDE}*")]
    return [left for path in aside if (left := clear(path)) is not None]


def accessible(folder: Path) -> bool:
    """Gives us back all folders below one, without following links; False where one is another user's.

    For folders that a program of ours is to go on with.
    """
    whole, waiting = True, [folder]
    while waiting:
        here = waiting.pop()
        try:
            with _opened(here) as descriptor:
                waiting += [here / name for name in _names(descriptor) if _is_folder(name, descriptor)]
        except OSError:
            whole = False
    return whole


def files(folder: Path) -> Iterator[Path]:
    """All below a folder that is no folder itself, however deep it is nested; links are not followed."""
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    yield Path(entry.path)


@contextmanager
def temporary(parent: Path, prefix: str) -> Iterator[Path]:
    """A new private folder, cleared in the end however deep it is by then."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent.resolve()))
    try:
        yield folder
    finally:
        clear(folder)


def _warn(message: str, action: str) -> None:
    import structlog  # only here: the reading verbs answer without it

    structlog.get_logger().warning(message, action=action)


def _clear_folder(path: Path, parent: int) -> Path | None:
    # In the same folder, so that the move never crosses a file system.
    aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=path.parent))
    with _opened(aside.name, parent) as top:
        try:
            _move_up(path.name, parent, top, iter([0]))
        except OSError:  # another user's moves only within the folder that it is in
            return _put_aside(path, aside, parent)
        _take_apart(top)
    try:
        os.rmdir(aside.name, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return _told(path, aside)
    return None


def _put_aside(path: Path, aside: Path, parent: int) -> Path | None:
    try:
        os.rename(path.name, aside.name, src_dir_fd=parent, dst_dir_fd=parent)  # takes the empty one's place
    except OSError:
        os.rmdir(aside.name, dir_fd=parent)
        raise
    return _told(path, aside)


def _take_apart(top: int) -> None:
    """Empties a folder of ours: each folder in it gives its own folders up to it, so that none is ever deep."""
    numbers, stuck = count(1), set[str]()
    while names := [name for name in _names(top) if name not in stuck]:
        for name in names:
            _empty(name, top, numbers)
            try:
                os.rmdir(name, dir_fd=top)
            except OSError:
                stuck.add(name)


def _empty(folder: str, top: int, numbers: Iterator[int]) -> None:
    """Removes the files of a folder and moves its folders up, as far as that goes."""
    with suppress(OSError), _opened(folder, top) as inner:
        for _ in range(_ROUNDS):
            names = list(islice(_names(inner), _AT_ONCE))
            if not sum(_take_out(name, inner, top, numbers) for name in names):
                break


def _take_out(name: str, folder: int, top: int, numbers: Iterator[int]) -> bool:
    """Whether what has the name in a folder is there no more."""
    try:
        if not _is_folder(name, folder):
            os.unlink(name, dir_fd=folder)
        else:
            _move_up(name, folder, top, numbers)
    except OSError:
        return False
    return True


def _move_up(name: str, folder: int, top: int, numbers: Iterator[int]) -> None:
    with suppress(OSError):
        os.rmdir(name, dir_fd=folder)  # so an empty one of another user goes too
        return
    with _opened(name, folder):
        pass  # a folder moves elsewhere only where we may write in it
    os.rename(name, str(next(numbers)), src_dir_fd=folder, dst_dir_fd=top)


@contextmanager
def _opened(folder: Path | str, parent: int | None = None) -> Iterator[int]:
    """A folder by its path, or by its name in one that is open, ours to write: a link in its place is refused."""
    handle = os.open(folder, _HANDLE, dir_fd=parent)
    try:
        with _by_handle(handle) as descriptor:
            yield descriptor
    finally:
        os.close(handle)


@contextmanager
def _by_handle(handle: int) -> Iterator[int]:
    """The folder behind a handle, with all permissions for its owner: a handle needs none of them."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & 0o700 != 0o700:
        Path(f"/proc/self/fd/{handle}").chmod(mode & 0o777 | 0o700)
    descriptor = os.open(".", _FOLDER, dir_fd=handle)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries)


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _is_ours(name: str, parent: int) -> bool:
    """Whether it is a folder, and of our user."""
    try:
        about = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def _told(path: Path, aside: Path) -> Path:
    _warn(f"What was left in {path} {sentence(aside)}", action="put-aside")
    return aside


def sentence(aside: Path) -> str:
    """What became of it, to go on after its name."""
    return f"cannot be removed (another user's files?) and was put aside as {aside}: remove that as its owner or as root."


def _stuck(path: Path, error: OSError) -> NeedsPerson:
    return NeedsPerson(
        f"What code of the branch left at {ref_component(str(path))} can be neither removed nor put aside "
        f"({error.strerror or error}): remove it as its owner or as root."
    )
