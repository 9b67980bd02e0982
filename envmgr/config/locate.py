"""Where the configuration and the data are, by option, environment variable and habit."""

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_CONFIG = Path("/etc/envmgr")
SYSTEM_DATA = Path("/var/lib/envmgr")
LOCAL_CONFIG = Path("config")


def find_config(option: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The file or folder of the organization files: `--config`, `$ENVMGR_CONFIG`, `/etc/envmgr`, `./config`.

    The path need not exist: `load` says so in a sentence.
    """
    if option is not None:
        return Path(option).expanduser()
    if chosen := environ.get("ENVMGR_CONFIG"):
        return Path(chosen).expanduser()
    return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else LOCAL_CONFIG


def data_dir(option: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The folder of everything envmgr keeps, as an absolute path; it need not exist.

    `--data-dir`, `$ENVMGR_DATA_DIR`, a service's `$STATE_DIRECTORY` (or `/var/lib/envmgr`), else the
    user's data folder.
    """
    chosen = option if option is not None else environ.get("ENVMGR_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    if "INVOCATION_ID" in environ and SYSTEM_DATA.is_dir() and os.access(SYSTEM_DATA, os.W_OK):
        return SYSTEM_DATA
    return _user_data(environ)


def _user_data(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME", "")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    folder = Path(base) if base.startswith("/") else home / ".local" / "share"
    return folder / "envmgr"
