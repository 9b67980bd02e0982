"""envmgr as a systemd service, on a systemd that `with-systemd` booted: to be used inside of it."""

import json
import os
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
UNITS = Path("/etc/systemd/system")
PROGRAM = Path("/usr/local/bin/envmgr")
# Neither the checkout nor Python need to be where an unprivileged service without homes can see them.
PARTS = Path("/srv/envmgr-parts")
USER = "envmgr"
PATIENCE = float(os.environ.get("ENVMGR_TRIAL_PATIENCE", "30"))
"""Seconds; more beside a kernel of its own, where all takes longer."""


def folders() -> list[Path]:
    """The folders of this machine that the service needs."""
    python = Path(sys.base_prefix)
    packages = [Path(path) for path in site.getsitepackages()]
    return [folder for folder in [ROOT, python, *packages] if not folder.is_relative_to("/usr")]


def run(*command: str, check: bool = True) -> str:
    """What a command printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise AssertionError(f"{command} gave {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def as_user(*command: str, user: str = USER) -> "subprocess.CompletedProcess[str]":
    """Runs a command as the service's user, or another."""
    argv = ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups", "--", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


def _group(user: str) -> str:
    return run("id", "-gn", user)


def install(terraform: str) -> Path:
    """User, program, units and Terraform, as systemd/README.md says; gives where Terraform is."""
    run("systemd-sysusers", str(ROOT / "systemd/envmgr.sysusers.conf"))
    run("systemd-tmpfiles", "--create", str(ROOT / "systemd/envmgr.tmpfiles.conf"))
    for unit in ("envmgr.service", "envmgr@.service"):
        shutil.copy(ROOT / "systemd" / unit, UNITS)
    prefix = _visible(Path(sys.base_prefix), "python")
    python = prefix / "bin" / f"python3.{sys.version_info.minor}"
    packages = [_visible(Path(p), f"packages-{i}") for i, p in enumerate(site.getsitepackages())]
    path = ":".join(map(str, [_visible(ROOT, "checkout"), *packages]))
    PROGRAM.write_text(
        # Where it was built for its library cannot be seen: that of the system's own Python may be another release.
        f"#!/bin/sh\nLD_LIBRARY_PATH={prefix}/lib PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1 exec {python} -P -c "
        f"'import sys; from envmgr.cli import main; sys.exit(main())' \"$@\"\n"
    )
    PROGRAM.chmod(0o755)
    binary = PARTS / "terraform"
    shutil.copy(terraform, binary)
    binary.chmod(0o755)
    return binary


def _visible(folder: Path, name: str) -> Path:
    """The folder at a place that everybody can reach."""
    if folder.is_relative_to("/usr"):
        return folder
    place = PARTS / name
    place.mkdir(parents=True)
    run("mount", "--bind", str(folder), str(place))
    return place


def drop_in(unit: str, name: str, text: str) -> None:
    """Writes a drop-in of a unit."""
    folder = UNITS / f"{unit}.d"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    run("systemctl", "daemon-reload")


def shown(unit: str, name: str) -> str:
    """A property of a unit."""
    return run("systemctl", "show", "--value", "--property", name, unit)


def main_pid(unit: str) -> int:
    """The daemon's process; raises where it does not run, since 0 would mean our own process group."""
    pid = int(shown(unit, "MainPID"))
    if pid == 0:
        raise AssertionError(f"{unit} does not run")
    return pid


def environments(data: str = "/var/lib/envmgr") -> list[dict[str, Any]]:
    """`envmgr list --json`, as the service's user."""
    done = as_user(str(PROGRAM), "list", "--json", "--config", "/etc/envmgr", "--data-dir", data)
    if done.returncode:
        raise AssertionError(done.stderr)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def journal() -> str:
    """What the services of the booted system printed."""
    return run("journalctl", "--no-pager", "--output=cat", "_TRANSPORT=stdout", check=False)


def eventually(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds:.0f} s: {what}")
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
