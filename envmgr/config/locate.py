"""Where the configuration and the data are, by option, environment variable and habit."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from envmgr.domain.errors import UsageError

SYSTEM_CONFIG = Path("/etc/envmgr")
SYSTEM_DATA = Path("/var/lib/envmgr")
LOCAL_CONFIG = Path("config")


def find_config(option: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The file or folder of the organization files: `--config`, `$ENVMGR_CONFIG`, `/etc/envmgr`, `./config`.

    The path need not exist: `load` says so in a sentence. `./config`, which nobody named, is taken only where no
    other user may write to it; UsageError where one may: it says which programs are run.
    """
    if option is not None:
        return Path(option).expanduser()
    if chosen := environ.get("ENVMGR_CONFIG"):
        return Path(chosen).expanduser()
    if SYSTEM_CONFIG.exists():
        return SYSTEM_CONFIG
    _check_own(LOCAL_CONFIG, environ)
    return LOCAL_CONFIG


def _check_own(folder: Path, environ: Mapping[str, str]) -> None:
    """Raises UsageError where another user has, or may write to, a folder or a file in it."""
    trusted = {0, os.geteuid(), *(int(uid) for uid in [environ.get("SUDO_UID", "")] if uid.isdecimal())}
    try:
        paths = [folder, *folder.iterdir()] if folder.is_dir() else [folder]
    except OSError:
        return  # what cannot be looked at cannot be read either
    for path in paths:
        if any(about.st_uid not in trusted or _is_open(about) for about in _about(path)):
            raise UsageError(
                f"{path} is another user's, or others may write to it, and it says which programs are run: "
                f"if you trust it, give `--config {folder}`; otherwise change to another folder."
            )


def _about(path: Path) -> Iterator[os.stat_result]:
    """A file and what it leads to, as far as they are there: of a link that leads nowhere only the link."""
    for look in (path.lstat, path.stat):
        with suppress(OSError):
            yield look()


def _is_open(about: os.stat_result) -> bool:
    """Whether others may write: a group's members too, unless the group is the user's own."""
    if stat.S_ISLNK(about.st_mode):
        return False
    is_groups = about.st_mode & stat.S_IWGRP and about.st_gid != os.getegid()
    return bool(about.st_mode & stat.S_IWOTH or is_groups)


def data_dir(option: str | Path | None, environ: Mapping[str, str], config: Path | None = None) -> Path:
    """The folder of everything envmgr keeps, as an absolute path; it need not exist.

    `--data-dir`, `$ENVMGR_DATA_DIR`, a service's `$STATE_DIRECTORY` (or `/var/lib/envmgr`); with the service's
    configuration the service's folder, whoever asks, also where only the service may enter it: any other would show an
    empty world. Else the user's data folder.
    """
    chosen = option if option is not None else environ.get("ENVMGR_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    # A unit without StateDirectory= is a service all the same: systemd sets this for each.
    if "INVOCATION_ID" in environ and SYSTEM_DATA.is_dir() and os.access(SYSTEM_DATA, os.W_OK):
        return SYSTEM_DATA
    return service_data(config) or _user_data(environ)


def service_data(config: Path | None) -> Path | None:
    """The data folder of the service that works by a configuration; None where it is no service's, or there is none.

    `/etc/envmgr` is `envmgr.service`'s, `/etc/envmgr/acme.yaml` may be `envmgr@acme.service`'s.
    """
    if config is None:
        return None
    path = config.absolute()
    own = SYSTEM_DATA / path.stem
    if path.parent == SYSTEM_CONFIG and _is_there(own):
        return own
    return SYSTEM_DATA if path == SYSTEM_CONFIG and _is_there(SYSTEM_DATA) else None


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except PermissionError:  # in a folder that we may not enter
        return False


def _user_data(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME", "")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    folder = Path(base) if base.startswith("/") else home / ".local" / "share"
    return folder / "envmgr"
