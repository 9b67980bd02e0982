"""Programs of this host that envmgr needs, as `doctor` reports them."""

import platform
import shutil
import subprocess
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

_SECONDS = 10
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


def platform_name() -> str:
    """This host as Terraform, OpenTofu and their providers name it: `linux_amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def located(name: str, install: str) -> Path:
    """Where a program is; NeedsPerson with what to `install` where it is not on the PATH."""
    found = shutil.which(name)
    if found is None:
        raise NeedsPerson(f"There is no {name} on the PATH: install {install}.")
    return Path(found)


def reported_version(program: Path) -> str:
    """What a program prints for `--version`; NeedsPerson where it fails or takes ten seconds."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NeedsPerson(f"{program} does not report its version: install {program.name} again.") from error
    return done.stdout.strip()
