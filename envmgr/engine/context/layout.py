"""Where things are in the data folder."""

import os
import pwd
import secrets
import stat
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.backend import Backend
from envmgr.domain.values.environment import Run
from envmgr.domain.values.names import EnvironmentId
from envmgr.host import leftovers
from envmgr.host.system import told

_SHORT = 12  # enough of a random identity to tell databases apart by
_OURS = 3  # `workspaces`, organization, repository


@dataclass(frozen=True, slots=True)
class Layout:
    """The data folder's parts. Everything in it is private to envmgr's user (0700).

    `records` is by which database it is worked with: another one numbers its runs anew, and knows nothing of these logs.
    """

    root: Path
    records: str = ""

    def holds(self, backend: Backend) -> bool:
        """Whether the states of a backend are in here, where no other host finds them."""
        kind, settings = backend
        return kind == "local" and Path(str(settings["path"])).is_relative_to(self.root.absolute())

    @property
    def mirrors(self) -> Path:
        """One bare git mirror per repository."""
        return self.root / "mirrors"

    @property
    def cache(self) -> Path:
        """What can be had again: Terraform providers, a folder for each organization."""
        return self.root / "cache"

    def providers(self, organization: str) -> Path:
        """An organization's Terraform providers, shared by its environments."""
        return self.cache / "organizations" / organization

    @property
    def modules(self) -> Path:
        """Module versions in use."""
        return self.root / "modules"

    @property
    def binaries(self) -> Path:
        """Terraform versions in use."""
        return self.root / "terraform"

    @property
    def versions(self) -> Path:
        """Versions of Terraform and OpenTofu that were fetched."""
        return self.root / "versions"

    @property
    def states(self) -> Path:
        """State of organizations whose backend is `local` without a path."""
        return self.root / "state"

    @property
    def workspaces(self) -> Path:
        """A working folder per environment."""
        return self.root / "workspaces"

    def workspace(self, environment: EnvironmentId) -> Path:
        """The working folder of one environment."""
        return self.workspaces / environment.organization / environment.repository / environment.component

    def terraform_data(self, environment: EnvironmentId) -> Path:
        """What Terraform keeps of one environment between two commands: its backend, modules, and links to providers."""
        return self.workspace(environment) / "terraform"

    @property
    def temporaries(self) -> Path:
        """Terraform's temporary folders."""
        return self.root / "tmp"

    def temporary(self, environment: EnvironmentId) -> Path:
        """The temporary folder of one environment's Terraform: a short path, as providers' sockets go there."""
        return self.temporaries / sha256(environment.state_key.encode()).hexdigest()[:16]

    def plans(self, environment: EnvironmentId) -> Path:
        """The saved plans of the run under way; they may hold sensitive values and go with the run.

        Apart from the working folder, where the branch's own processes run.
        """
        return self.root / "plans" / environment.organization / environment.repository / environment.component

    def new_plan(self, environment: EnvironmentId) -> Path:
        """Where the next saved plan goes: a name that nobody can know before."""
        return self.private(self.plans(environment)) / f"{secrets.token_hex(16)}.tfplan"

    @property
    def credentials(self) -> Path:
        """What runs are signed in by while they last; a folder for each use of each environment."""
        return self.root / "credentials"

    def steps(self, environment: EnvironmentId) -> Path:
        """Where an environment's steps run: checkout, home and temporary folder."""
        return self.workspace(environment) / "steps"

    @property
    def step_caches(self) -> Path:
        """What steps keep between two runs, a folder for each environment."""
        return self.root / "environment-caches"

    def step_cache(self, environment: EnvironmentId) -> Path:
        """What steps of one environment, or application, keep between two runs: no other branch writes there."""
        return self.step_caches / environment.organization / environment.repository / environment.component

    @property
    def bundle_key(self) -> Path:
        """The key that seals what is kept beside the states, where the operator gave none."""
        return self.root / "bundle.key"

    def sealed(self, environment: EnvironmentId) -> Path:
        """Names the key by which an environment's bundle was last sealed from here."""
        return self.workspace(environment) / "sealed"

    @property
    def by_hand(self) -> Path:
        """What is known of what is kept of people's wishes beside the states: a mark for each environment."""
        return self.root / "by-hand"

    @property
    def database(self) -> Path:
        """Which database this folder works with."""
        return self.root / "database.json"

    @property
    def host(self) -> Path:
        """By what this host is known to others that work by the same records; a copy of it is to have another."""
        return self.root / "host-id"

    @property
    def fences(self) -> Path:
        """When each lease was last renewed, for what ends a run in time; only where several hosts share a database."""
        return self.root / "leases"

    @property
    def logs(self) -> Path:
        """The runs' logs."""
        return self.root / "logs"

    @property
    def log_copies(self) -> Path:
        """Copies of logs that other hosts wrote, as they were read here."""
        return self.cache / "logs" / self.records

    def of(self, database: str) -> "Layout":
        """The same with the records of a database, by its identity."""
        return replace(self, records=database[:_SHORT])

    @property
    def own_logs(self) -> Path:
        """The logs of the runs that one database knows: a folder named by its identity."""
        return self.logs / self.records

    def log(self, run: int) -> Path:
        """The log file of a run, in a folder of its database; a thousand runs share one of these."""
        return self.own_logs / f"{run // 1000:04d}" / f"{run}.log"

    def log_of(self, run: Run) -> Path:
        """The log file of a run that is recorded, also by a release that named it otherwise."""
        return self.root / run.log if run.log else self.log(run.id)

    def log_name(self, run: int) -> str:
        """The log file of a run, as it is recorded."""
        return str(self.log(run).relative_to(self.root))

    def shortage(self, reserve: int) -> str:
        """The sentence that says how little room is left, and what to do; empty where there is enough (bytes)."""
        free = free_bytes(self.root)
        if free >= reserve:
            return ""
        return (
            f"Only {free // 10**6} MB are free in {self.root}, {reserve // 10**6} MB are kept in reserve "
            "(daemon: disk_reserve): make room; no run starts until then."
        )

    def private(self, folder: Path) -> Path:
        """Makes a folder below the root, each new level for its owner only (whatever the umask).

        Code of a branch may write in the folders of its environment: what it left in the place of one is cleared.
        """
        for level in (*reversed(folder.relative_to(self.root).parents), folder.relative_to(self.root)):
            is_branchs = level.parts[:1] == (self.workspaces.name,) and len(level.parts) > _OURS
            leftovers.private(self.root / level) if is_branchs else self._make(level)
        return folder

    def _make(self, level: Path) -> None:
        try:
            (self.root / level).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise told(error, "A folder of the data folder cannot be made", self.root / level) from error

    def create(self) -> "Layout":
        """Makes the folder, private; raises NeedsPerson where that cannot be."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(self.root, os.W_OK | os.X_OK):
                for part in (
                    self.mirrors,
                    self.cache,
                    self.modules,
                    self.binaries,
                    self.workspaces,
                    self.temporaries,
                    self.logs,
                ):
                    self.private(part)
                return self
        except OSError as error:
            raise NeedsPerson(
                f"The data folder {self.root} cannot be made ({error.strerror}): name another with --data-dir."
            ) from error
        raise NeedsPerson(
            f"The data folder {self.root} is not writable: {self._whose()}, or name another with --data-dir."
        )

    def _whose(self) -> str:
        """What to do about a folder that is not for us."""
        try:
            owner = pwd.getpwuid(self.root.stat().st_uid).pw_name
        except (OSError, KeyError):
            return "change its owner"
        return f"it belongs to {owner}, so `sudo -u {owner} envmgr …`"


def free_bytes(path: Path) -> int:
    """How much room an ordinary user has left on the file system of a folder."""
    status = os.statvfs(path)
    # Not `f_bfree`: what is reserved for root is no room for us.
    return status.f_bavail * status.f_frsize


def rights(path: Path) -> int:
    """Who may do what with a folder: its mode without its kind."""
    return stat.S_IMODE(path.stat().st_mode)
