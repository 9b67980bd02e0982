"""Makes a workspace ready for commands: backend file, lock file, and `init` only where it is needed.

`init` sees the full lock file and verifies the providers against it. The commands after it see the same
selections without checksums: comparing 700 MB with them again costs each half a second, and that they are what was
verified is known by the cache, more cheaply. The full text is kept in the record, and is back before any other `init`.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.providers.lock_file import without_hashes
from envmgr.domain.errors import Interrupted, NeedsPerson
from envmgr.host.leftovers import clear, temporary
from envmgr.host.strange import content

from . import backend
from .command import IsFlagged
from .failures import INITIALISE, OUTDATED_LOCK, SOURCE_AWAY
from .messages import Transcript
from .modules import ModuleFolder
from .session import Outcome, Session

HOME = "home"
"""In the data folder: the home of what runs there, emptied each time."""
_RECORD = "envmgr-initialised.json"
_LOCK_FILE = ".terraform.lock.hcl"
_LARGEST_LOCK_FILE = 1024 * 1024
_LARGEST_RECORD = 8 * 1024 * 1024  # it holds two lock files


@dataclass(frozen=True, slots=True)
class Record:
    """What the data folder was initialised with.

    `given` is the lock file `init` began with, `lock_file` the one it ended with; `code` identifies the
    root module's files that were seen with the backend's form `override`; `commit` is the one that modules by a moving
    ref were read for.
    """

    terraform: str
    backend: str
    given: str | None
    lock_file: str | None
    code: str
    override: bool
    commit: str = ""


class Initialisation:
    """The state of one workspace's initialisation during one call."""

    def __init__(self, session: Session, cache: ProviderCache, terraform: str) -> None:
        """`terraform` identifies binary and version; nothing is written yet."""
        self._session = session
        self._cache = cache
        self._terraform = terraform
        self._backend = backend.render(session.workspace.backend)
        self._code = backend.configuration_digest(session.workspace.root)
        self._record = _read(session.workspace.data / _RECORD)
        self._is_fresh = False
        self._modules = ModuleFolder(session.workspace.data)
        self._override = bool(self._record and self._record.override and self._record.code == self._code)
        self._given, self._is_the_codes = self._lock_file_given()

    @property
    def lock_file(self) -> str | None:
        """The full lock file, with checksums."""
        return self._record.lock_file if self._record else None

    def prepare(self) -> Outcome | None:
        """Writes what commands need, and runs `init` where the record does not fit; gives its failure."""
        # Nothing that the code of an earlier run left there configures this one.
        self._empty_home()
        self._write_backend()
        if self._has_modules() and self._fits():
            self._write_lock_file(without_hashes(self.lock_file or ""))
            return None
        return self.initialise()

    def mend(self, transcript: Transcript) -> bool | Outcome:
        """After a failed command: whether something was mended that it complained about.

        Gives the failure of an `init` that did not help; raises NeedsPerson for a backend block of the branch.
        """
        if self._gives_way(transcript):
            return True
        if self._is_fresh or not transcript.has(*INITIALISE):
            return False
        return self.initialise() or True

    def initialise(self) -> Outcome | None:
        """Runs `init`; gives its outcome where it failed."""
        outcome = self._init()
        if not outcome.succeeded and self._gives_way(outcome.transcript):
            outcome = self._init()
        if not outcome.succeeded and self._is_outdated(outcome.transcript):
            outcome = self._init(upgrade=IsFlagged)
        if not outcome.succeeded and self._given and outcome.transcript.has(*SOURCE_AWAY):
            # What the lock file names may be here already; its checksums say whether it is that.
            again = self._init(only_here=True)
            outcome = again if again.succeeded else outcome
        self._is_fresh = outcome.succeeded
        return None if outcome.succeeded else outcome

    def _has_modules(self) -> bool:
        """Whether modules from elsewhere are those that are wanted; if not, they are put back, or forgotten, for `init`."""
        workspace = self._session.workspace
        if workspace.modules is None:
            known = self._record.commit if self._record else ""
            if workspace.commit in ("", known) or not self._modules.moving():
                return True
            self._modules.forget_moving()
            return False
        wanted = workspace.modules.digest
        if not wanted or self._modules.digest() == wanted:
            return True
        workspace.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with temporary(workspace.data, ".kept-") as folder:
            archive = folder / "modules.zip"
            if workspace.modules.archive(archive):
                self._modules.unpack(archive)
                if self._modules.digest() != wanted:
                    raise NeedsPerson(
                        "The modules that are kept beside the state are not those that were applied."
                    )
        return False

    def _fits(self) -> bool:
        record = self._record
        return (
            record is not None
            and (record.terraform, record.backend) == (self._terraform, self._backend)
            and self._given in {record.given, record.lock_file}
            and backend.is_configured(self._session.workspace.data, self._session.workspace.backend)
            and self._cache.vouches(self._session.workspace.data)
        )

    def _empty_home(self) -> None:
        home = self._session.workspace.data / HOME
        if home.is_symlink() or home.exists():
            shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700, exist_ok=True)

    def _lock_file_given(self) -> tuple[str | None, bool]:
        """The lock file to use, and whether it is the code's own.

        One without checksums that we wrote ourselves stands for the one it was made from.
        """
        found = _read_lock_file(self._session.workspace.root / _LOCK_FILE)
        known = self._record.lock_file if self._record else None
        if found is not None and known is not None and found == without_hashes(known):
            return known, False
        if found is not None:
            return found, True
        return self._session.workspace.lock_file or known, False

    def _gives_way(self, transcript: Transcript) -> bool:
        """Turns our backend file into an override where the branch's own blocks are empty."""
        workspace = self._session.workspace
        kind = workspace.stands_for or workspace.backend[0]
        if self._override or not backend.may_override(
            workspace.root, kind, transcript.errors, workspace.folder
        ):
            return False
        self._override = True
        self._write_backend()
        if self._record:
            self._remember(replace(self._record, override=True, code=self._code))
        return True

    def _is_outdated(self, transcript: Transcript) -> bool:
        """Whether our own lock file, not the code's, holds back what the code now asks for."""
        return not self._is_the_codes and any(OUTDATED_LOCK in error.detail for error in transcript.errors)

    def _init(self, *, only_here: bool = False, **options: object) -> Outcome:
        """Runs `init` once; `only_here` with nothing but the providers that were verified before."""
        self._forget()
        self._write_lock_file(self._given)
        data, selections = self._session.workspace.data, f"{self._code}\n{self._given}"
        (data / "plugin_path").unlink(missing_ok=True)  # which would say where plugins are
        with (
            self._cache.held(selections, lambda: not self._session.watch.stop()) as lock,
            self._cache.offered(data, self._given) as plugins,
            self._session.initial() as session,
        ):
            if lock is None:
                raise Interrupted("terraform init was not started, because envmgr is stopping.")
            outcome = session.run(
                "init",
                keep_open=(lock,),
                arriving=plugins,
                # What is offered was verified when it came, and is what the lock file says where that says it.
                extra={} if only_here else _cached(plugins),
                plugin_dir=str(plugins) if only_here else None,
                json=IsFlagged,
                input=False,
                # The backend is what we wrote: nothing is to be migrated, and nobody could answer whether it
                # should be.
                reconfigure=IsFlagged,
                **options,
            )
            if outcome.succeeded:
                self._succeeded()
        return outcome

    def _succeeded(self) -> None:
        backend.check_configured(self._session.workspace.data, self._session.workspace.backend)
        full = _read_lock_file(self._session.workspace.root / _LOCK_FILE)
        self._cache.take(self._session.workspace.data, full, self._session.mirrors)
        self._cache.satisfied(f"{self._code}\n{full}")
        commit = self._session.workspace.commit
        self._remember(
            Record(self._terraform, self._backend, self._given, full, self._code, self._override, commit)
        )
        self._given = full
        self._write_lock_file(without_hashes(full or ""))

    def _remember(self, record: Record) -> None:
        self._record = record
        path = self._session.workspace.data / _RECORD
        new = path.with_suffix(".new")
        clear(new)
        backend.write_new(new, json.dumps(asdict(record)))
        new.replace(path)

    def _forget(self) -> None:
        """An `init` that does not succeed leaves the folder half-way: the next command begins with another.

        What the last one noted of its backend goes too: torn by a full disk, it would fail every other `init`.
        """
        for name in (_RECORD, backend.CONFIGURED):
            clear(self._session.workspace.data / name)
        self._record = None

    def _write_backend(self) -> None:
        workspace = self._session.workspace
        backend.write(workspace.root, workspace.backend, override=self._override)

    def _write_lock_file(self, text: str | None) -> None:
        path = self._session.workspace.root / _LOCK_FILE
        clear(path)
        if text:
            backend.write_new(path, text)


def _cached(plugins: Path) -> dict[str, str]:
    return {
        "TF_PLUGIN_CACHE_DIR": str(plugins),
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    }


def _read_lock_file(path: Path) -> str | None:
    """The text of a lock file; None where there is none. Raises NeedsPerson for what is not a regular file."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise NeedsPerson(f"{path.name} in the Terraform folder is not a regular file: commit it as one.")
    if not path.exists():
        return None
    if path.stat().st_size > _LARGEST_LOCK_FILE:
        raise NeedsPerson(
            f"{path.name} in the Terraform folder is larger than 1 MiB: make it again with `terraform init`."
        )
    found = path.read_bytes()
    try:
        return found.decode() or None
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise NeedsPerson(
            f"{path.name}:{line} in the Terraform folder is not UTF-8 text: make it again with `terraform init`, and commit it."
        ) from error


def _read(path: Path) -> Record | None:
    """What was recorded; None where it is missing, or was changed into what is none."""
    with suppress(ValueError, TypeError, RecursionError):
        return Record(**json.loads(content(path, _LARGEST_RECORD) or b""))
    return None


def identify_terraform(path: Path, version: str) -> str:
    """Identifies the Terraform that initialised a folder."""
    return sha256(f"{path}\n{version}".encode()).hexdigest()
