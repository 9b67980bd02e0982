"""Settings of the daemon itself: one optional file with the single top key `daemon`, beside the organization files.

Without such a file nothing heavy is imported: `envmgr list` must answer at once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from .secrets import Secret

LogLevel = Literal["debug", "info", "warning", "error"]

_MENTION = re.compile(rb"\bdaemon[\"']?\s*:")
_NAMES = ("daemon.yaml", "daemon.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How envmgr itself runs. `database` None is SQLite in the data folder; `disk_reserve` is in bytes."""

    database: Secret | None = None
    poll_workers: int = 8
    log_level: LogLevel = "info"
    retention: timedelta = timedelta(days=30)
    disk_reserve: int = 500_000_000


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


def mentions_settings(content: bytes) -> bool:
    """Whether a file may hold the settings: cheap, and never wrong when it says no."""
    return _MENTION.search(content) is not None


def read_settings(path: Path) -> Settings:
    """The settings in a configuration folder (or beside a file); the defaults where there are none.

    Raises ConfigurationError with all problems of the file that holds them.
    """
    try:
        files = [file for file in config_files(path) if mentions_settings(file.read_bytes())]
    except OSError:
        files = []  # whoever loads the organizations says what is wrong
    if not files:
        return Settings()
    from .load import load_settings

    return load_settings(files)
