"""One repository's bare mirror: its folder, its lock, and git run in it."""

import errno
import fcntl
import os
import re
import shutil
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock, get_ident

from envmgr.domain.errors import EnvmgrError, NeedsOperator, NeedsPerson, NotHere, Transient, UsageError
from envmgr.domain.values.names import COMMIT, RepositoryId, ref_component
from envmgr.host.system import told
from envmgr.ports import GitLimits

from .failure import decisive_line, here, without_memory
from .process import Answer, Bounds, run

_NAME = re.compile(r"[a-z0-9-]+")
_COMMIT = re.compile(COMMIT)
_HEAD = "ref: refs/heads/main\n"  # only of interest to git itself
_SHA_256 = 64  # digits
_STAYS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST)
_INDEX = b"\xfftOc\x00\x00\x00\x02"
_PACKS = 100  # indexes that are looked into: beyond that git is faster
_NOTED, _LARGEST_NOTED = 256, 64 * 1024  # so many, and bytes of each: 16 MiB at most
_LOOK = 0.05  # seconds between two looks at a lock that somebody holds


def checked_commit(commit: str) -> str:
    """The commit if it is a full object name; UsageError for anything else."""
    if _COMMIT.fullmatch(commit) is None:
        raise UsageError(f"{ref_component(commit)[:80]} is not a full commit name.")
    return commit


def object_format(commit: str) -> Sequence[str]:
    """What `git init` is to be told for a repository that holds a commit."""
    return ["--object-format=sha256"] if len(commit) == _SHA_256 else []


def _may_hold(index: Path, name: bytes) -> bool:
    """Whether the index of a pack, as git has written it since 2007, may name an object."""
    with index.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        if content[:8] != _INDEX:
            return True
        first = name[0]
        low = struct.unpack_from(">I", content, 8 + 4 * (first - 1))[0] if first else 0
        (high,) = struct.unpack_from(">I", content, 8 + 4 * first)
        start = 8 + 4 * 256
        return content.find(name, start + low * len(name), start + high * len(name)) >= 0


def make_private(folder: Path) -> None:
    """Creates a folder and what it lies in, where they are missing, for their owner only."""
    for part in reversed([folder, *folder.parents]):
        part.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turns what the operating system refuses into a sentence: NeedsOperator where that stays so, else Transient."""
    try:
        yield
    except OSError as error:
        sentence = told(error, what)
        raise (NeedsOperator(str(sentence)) if error.errno in _STAYS else sentence) from error


class Recent:
    """What was read of the last few commits: a commit's name is that of all it holds, so none of it ever changes.

    It only saves the asking: what is done by it fails as ever where the mirror lost the objects meanwhile.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, *key: str) -> bytes | None:
        """What was noted; None where nothing was, or not any more."""
        with self._lock:
            return self._found.get(key)

    def note(self, found: bytes, *key: str) -> None:
        """Notes what was read, if it is small."""
        with self._lock:
            if len(found) <= _LARGEST_NOTED:
                self._found[key] = found
            if len(self._found) > _NOTED:
                self._found.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A bare repository at `path`, created on demand; `seconds` and `limits` hold for every local git process."""

    repository: RepositoryId
    path: Path
    seconds: float
    limits: GitLimits = field(default_factory=GitLimits)
    recent: Recent = field(default_factory=Recent, compare=False)

    @classmethod
    def of(
        cls,
        folder: Path,
        repository: RepositoryId,
        seconds: float,
        limits: GitLimits | None = None,
        recent: Recent | None = None,
    ) -> "Mirror":
        """The mirror of a repository below `folder`; `recent` is what all of one `Mirrors` share."""
        for name in (repository.organization, repository.name):
            if _NAME.fullmatch(name) is None:
                raise UsageError(
                    f"{ref_component(name)} is not a name for an organization or repository ([a-z0-9-]+)."
                )
        return cls(
            repository,
            folder / repository.organization / f"{repository.name}.git",
            seconds,
            limits or GitLimits(),
            recent or Recent(),
        )

    @property
    def exists(self) -> bool:
        """Whether the mirror was created; a HEAD that a crash left empty, without which git sees none, is written anew."""
        with reported(f"The mirror {self.path} cannot be used"):
            if not self.path.is_dir():
                return False
        head = self.path / "HEAD"
        with suppress(OSError):
            if not head.is_file() or head.stat().st_size == 0:
                new = self.path / f"HEAD.{os.getpid()}-{get_ident()}"
                new.write_text(_HEAD)
                new.replace(head)
        return True

    def surely_lacks(self, commit: str) -> bool:
        """Whether no pack and no file here has an object, told without a process; False wherever that is not sure."""
        name, objects = bytes.fromhex(commit), self.path / "objects"
        try:
            if (objects / commit[:2] / commit[2:]).exists() or (objects / "info/alternates").exists():
                return False
            packs = [path for path in (objects / "pack").iterdir() if path.suffix == ".idx"]
            return len(packs) <= _PACKS and not any(_may_hold(pack, name) for pack in packs)
        except (OSError, ValueError, struct.error):
            return False

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes git work in this mirror and nowhere else."""
        return {"GIT_DIR": str(self.path)}

    @property
    def bounds(self) -> Bounds:
        """What a local git process may take."""
        return Bounds(self.seconds, self.limits.memory)

    def points_at(self, ref: str, commit: str) -> bool:
        """Whether a ref that was just fetched is at a commit; False also where its file does not say."""
        with suppress(OSError, ValueError):
            return (self.path / ref).read_text("ascii").strip() == commit
        return False

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        largest: int | None = None,
    ) -> Answer:
        """Runs a local git command in the mirror; Transient where its time is up or nothing was fetched yet."""
        if not self.exists:
            raise NotHere(f"Repository {self.repository} has no local mirror yet; the next fetch makes it.")
        bounds = self.bounds if largest is None else replace(self.bounds, output=largest)
        answer = run(arguments, {**self.environment, **(extra or {})}, bounds, stdin=stdin)
        if answer.timed_out:
            raise Transient(
                f"git {arguments[0]} in the mirror {self.path} took longer than {self.seconds:g} s."
            )
        return answer

    def output(
        self, arguments: Sequence[str], *, stdin: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> bytes:
        """As `run`, giving the output; Transient where git fails."""
        answer = self.run(arguments, stdin=stdin, extra=extra)
        if answer.failed:
            raise self.broken(arguments[0], answer)
        return answer.output

    def damaged(self, why: str) -> NeedsPerson:
        """The error for objects that should be here, since what refers to them is."""
        return NeedsOperator(
            f"The mirror {self.path} is damaged ({why}): move it away, and it will be fetched again (what was applied is also "
            "kept beside the states)."
        )

    def broken(self, command: str, answer: Answer) -> EnvmgrError:
        """The error for a local git command that failed."""
        if answer.is_cut:
            return NeedsPerson(
                f"git {command} printed more than envmgr reads of it, for what is in {self.repository}: push a commit "
                "with less."
            )
        if answer.lacked_memory:
            return without_memory(f"git {command} failed in the mirror {self.path}", answer)
        if error := here(self.path, answer.messages):
            return error
        said = decisive_line(answer.messages)
        return Transient(
            f"git {command} failed in the mirror {self.path}; it will be tried again. git says: {said}"
        )

    @contextmanager
    def locked(self, seconds: float) -> Iterator[int]:
        """Alone among all threads and processes that write here; gives the lock's descriptor.

        A git process that inherits it keeps the lock, even where envmgr is killed. Transient where
        somebody holds it for longer than `seconds`.
        """
        with reported(f"The mirror {self.path} cannot be used"):
            make_private(self.path.parent)
            # Beside the mirror, which may not be there yet.
            place = self.path.with_suffix(".lock")
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._wait(descriptor, time.monotonic() + seconds)
                try:
                    yield descriptor
                finally:
                    self._clear_unfinished()
            finally:
                os.close(descriptor)

    def _wait(self, descriptor: int, deadline: float) -> None:
        while True:
            # Asked again and again, since flock knows no time limit.
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > deadline:
                raise Transient(
                    f"Another fetch is working on the mirror {self.path}; it will be tried again."
                )
            time.sleep(_LOOK)

    def create(self, commit: str = "") -> None:
        """Makes the mirror if it is not there, as a whole or not at all. To be called with the lock held.

        `commit` is one that it is to hold: its name tells the hash function.
        """
        if self.exists:
            return
        new = self.path.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        made = run(
            ["init", "--quiet", "--bare", "--template=", *object_format(commit), "--", str(new)],
            {},
            self.bounds,
        )
        if made.failed:
            raise self.broken("init", made)
        new.rename(self.path)

    def _clear_unfinished(self) -> None:
        """Removes what a git process that failed had half written: retries on a full disk must not add up."""
        for pattern in ("tmp_*", ".tmp-*"):
            for path in (self.path / "objects/pack").glob(pattern):
                path.unlink(missing_ok=True)

    def clear_stale_locks(self, age: float) -> bool:
        """Removes git's own lock files that no git process can hold any more; whether there were some.

        With the mirror's lock held no fetch is running, and every other process of ours ends within
        `age` seconds.
        """
        stale = [p for p in self.path.rglob("*.lock") if time.time() - p.stat().st_mtime > age]
        for path in stale:
            path.unlink(missing_ok=True)
        return bool(stale)
