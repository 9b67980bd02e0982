"""Programs of this host that envmgr needs, as `doctor` reports them."""

import shutil
import subprocess
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

_SECONDS = 10


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
