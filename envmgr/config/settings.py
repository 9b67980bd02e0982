"""Settings of the daemon itself: one optional file with the single top key `daemon`, beside the organization files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from envmgr.config.sections.secrets import Secret

LogLevel = Literal["debug", "info", "warning", "error"]
Unsealed = Literal["refuse", "accept"]

_NAMES = ("daemon.yaml", "daemon.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How envmgr itself runs. `database` None is SQLite in the data folder; `disk_reserve` is in bytes.

    `bundle_key` seals what is kept beside the states, None is a key in the data folder; `unsealed_bundles` says
    whether one without a right seal is taken all the same.
    """

    database: Secret | None = None
    poll_workers: int = 8
    log_level: LogLevel = "info"
    retention: timedelta = timedelta(days=30)
    disk_reserve: int = 500_000_000
    bundle_key: Secret | None = None
    unsealed_bundles: Unsealed = "refuse"

    @property
    def secrets(self) -> Sequence[Secret]:
        """All that is to be hidden wherever people look."""
        return [secret for secret in (self.database, self.bundle_key) if secret is not None]


def config_files(path: Path) -> Sequence[Path]:
    """The files that a configuration path stands for, in order of name.

    A folder stands for its `*.yaml` and `*.yml`; a file for itself and a `daemon.yaml` beside it.
    Raises OSError where the folder cannot be listed.
    """
    if not path.is_dir():
        beside = [path.parent / name for name in _NAMES if (path.parent / name).is_file()]
        return [path, *(file for file in beside if file.name != path.name)]
    return sorted(
        file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and not file.name.startswith(".")
    )
