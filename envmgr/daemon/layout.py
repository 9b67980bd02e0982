"""Where things are in the data folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..domain.errors import NeedsPerson
from ..domain.names import EnvironmentId


@dataclass(frozen=True, slots=True)
class Layout:
    """The data folder's parts. Everything in it is private to envmgr's user (0700)."""

    root: Path

    @property
    def mirrors(self) -> Path:
        """One bare git mirror per repository."""
        return self.root / "mirrors"

    @property
    def cache(self) -> Path:
        """Terraform providers, shared by all environments."""
        return self.root / "cache"

    @property
    def modules(self) -> Path:
        """Module versions in use."""
        return self.root / "modules"

    @property
    def binaries(self) -> Path:
        """Terraform versions in use."""
        return self.root / "terraform"

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
        return self.workspaces / environment.organization / environment.repository / environment.name

    def log(self, run: int) -> Path:
        """The log file of a run; a thousand runs share a folder."""
        return self.root / "logs" / f"{run // 1000:04d}" / f"{run}.log"

    def create(self) -> "Layout":
        """Makes the folder, private; raises NeedsPerson where that cannot be."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(self.root, os.W_OK | os.X_OK):
                return self
        except OSError as error:
            raise NeedsPerson(
                f"The data folder {self.root} cannot be made ({error.strerror}): give another by --data-dir."
            ) from error
        raise NeedsPerson(
            f"The data folder {self.root} is not writable: change its owner or give --data-dir."
        )


def free_bytes(path: Path) -> int:
    """How much room an ordinary user has left on the file system of a folder."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
