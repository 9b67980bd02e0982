"""How git is let in at a remote: credentials reach it by environment or a private file, never by argv."""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from envmgr.domain.errors import NeedsPerson
from envmgr.host.system import create_private
from envmgr.ports import Remote

from .location import Location
from .process import SETTINGS_COUNT, configuration

REFUSED = "ENVMGR_GIT_REFUSED"
"""Names a file by which the credentials are withheld once they were refused; git-lfs asks for them without end."""
# The shell's own printf: the values never become anybody's arguments.
_HELPER = (
    f'!f() {{ case "$1" in erase) test -z "${REFUSED}" || : > "${REFUSED}" ;; get) test -e "${REFUSED}" || '
    'printf \'username=%s\\npassword=%s\\n\' "$ENVMGR_GIT_USERNAME" "$ENVMGR_GIT_PASSWORD" ;; esac; }; f'
)
_SLOW = 1  # bytes a second; a server that still counts objects sends that much


@contextmanager
def admission(
    remote: Remote, location: Location, known_hosts: Path, patience: float
) -> Iterator[Mapping[str, str]]:
    """Gives the environment variables for git towards a remote; private files live as long as the context.

    `known_hosts` is where host keys are remembered that nobody gave; `patience` is after how many
    seconds of silence a connection is given up.
    """
    allowed = {"GIT_ALLOW_PROTOCOL": location.transport}
    if location.transport == "ssh":
        with tempfile.TemporaryDirectory(prefix="envmgr-ssh-", dir=_private_folder()) as folder:
            yield {**allowed, "GIT_SSH_COMMAND": _ssh(remote, Path(folder), known_hosts, patience)}
    elif location.transport == "file":
        yield allowed
    else:
        yield {**allowed, **_https(remote, location, patience)}


def secrets(remote: Remote) -> tuple[str, ...]:
    """What must never be seen in a message, longest first."""
    known = (remote.password, remote.ssh_key, *userinfo(remote))
    return tuple(sorted({s for s in known if s}, key=len, reverse=True))


def _https(remote: Remote, location: Location, patience: float) -> dict[str, str]:
    # Never 0 seconds, which would mean no limit at all.
    values = {"http.lowSpeedLimit": str(_SLOW), "http.lowSpeedTime": str(max(1, round(patience)))}
    given = login(remote)
    if given is None:
        return configuration(values, SETTINGS_COUNT)
    if any(c in "".join(given) for c in "\n\r\0"):
        raise NeedsPerson(
            f"Repository {remote.repository}: `credentials` contain a line break; give user name and password without one."
        )
    # Only for this host: a redirect elsewhere gets no credentials.
    parts = urlsplit(location.url)
    values[f"credential.{parts.scheme}://{parts.netloc}.helper"] = _HELPER
    username, password = given
    secret = {"ENVMGR_GIT_USERNAME": username, "ENVMGR_GIT_PASSWORD": password}
    return {**configuration(values, SETTINGS_COUNT), **secret}


def login(remote: Remote) -> tuple[str, str] | None:
    """User name and password for a remote by https; None where it has neither."""
    in_url = userinfo(remote)
    username, password = remote.username or in_url[0], remote.password or in_url[1]
    return (username or "git", password) if username or password else None


def userinfo(remote: Remote) -> tuple[str, str]:
    """User name and password that an http URL carries; empty where it carries none."""
    if not re.match(r"https?://", remote.url, re.IGNORECASE):
        return "", ""
    parts = urlsplit(remote.url)
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    return (username, password) if password else ("git", username) if username else ("", "")


def _ssh(remote: Remote, folder: Path, known_hosts: Path, patience: float) -> str:
    """The command line of ssh; it goes through a shell, so that every value is quoted."""
    options = {
        # Nobody is there to answer ssh, and a shared connection could be another organization's.
        "BatchMode": "yes",
        "ConnectTimeout": str(max(1, min(15, round(patience)))),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        "ControlMaster": "no",
        "ControlPath": "none",
        "ForwardAgent": "no",
        "StrictHostKeyChecking": "yes" if remote.known_hosts else "accept-new",
    }
    if remote.known_hosts:
        known_hosts = _private_file(folder / "known_hosts", remote.known_hosts)
        options["GlobalKnownHostsFile"] = "/dev/null"
    else:
        known_hosts.touch(mode=0o600)
    options["UserKnownHostsFile"] = f'"{known_hosts}"'
    command = ["ssh"]
    if remote.ssh_key:
        # This key alone: the user's own configuration and agent could offer another one first.
        options["IdentitiesOnly"] = "yes"
        options["IdentityAgent"] = "none"
        command += ["-F", "none", "-i", str(_private_file(folder / "key", remote.ssh_key))]
    command += [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    return shlex.join(command)


def _private_file(path: Path, text: str) -> Path:
    with os.fdopen(create_private(path), "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
    return path


def _private_folder() -> Path | None:
    """Memory rather than disk, where there is some that is ours to write."""
    candidates = [os.environ.get("RUNTIME_DIRECTORY"), os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"]  # noqa: S108
    usable = (Path(c) for c in candidates if c and Path(c).is_dir() and os.access(c, os.W_OK | os.X_OK))
    return next(usable, None)
