"""A disk of a few megabytes: a file system that only a child process sees, and that can really be full."""

import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
# As root; as anybody, in a user namespace of its own; as somebody who may become root, where those are closed.
_WAYS = (
    ["unshare", "--mount"],
    ["unshare", "--user", "--map-root-user", "--mount"],
    ["sudo", "--non-interactive", "--preserve-env=PATH", "unshare", "--mount"],
)


def run_on(disk: Path, megabytes: int, module: str, *arguments: str) -> None:
    """Run a module of the tests in a process to which `disk` is a file system of this size; it must succeed."""
    mount = f"mount -t tmpfs -o size={megabytes}m,mode=0700,uid={_owner()} none {shlex.quote(str(disk))}"
    command = shlex.join([*_as_us(), sys.executable, "-m", module, *arguments])
    done = subprocess.run(
        [*_way(), "sh", "-c", f"{mount} && exec {command}"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@cache
def _way() -> list[str]:
    """The first way by which a file system can be mounted here."""
    trial = ["sh", "-c", "mount -t tmpfs none /mnt"]
    for way in _WAYS:
        try:
            if subprocess.run([*way, *trial], capture_output=True, check=False).returncode == 0:
                return way
        except FileNotFoundError:
            continue
    raise AssertionError("No file system can be mounted: run the tests as root, or allow user namespaces.")


def _owner() -> int:
    """Whose the disk is, by the IDs of whoever mounts it: in a user namespace of our own we are its root."""
    return 0 if "--map-root-user" in _way() else os.getuid()


def _as_us() -> list[str]:
    """What makes of sudo's root again who we are."""
    if _way()[0] != "sudo":
        return []
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    identity = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--clear-groups"]
    return ["setpriv", *identity, "env", *environment]
