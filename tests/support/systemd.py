"""A real systemd for tests, booted in its own namespaces by `with-systemd`."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).with_name("with-systemd")
KERNEL_SCRIPT = Path(__file__).with_name("with-kernel")


def why_absent() -> str | None:
    """The reason why no systemd can be booted here, if so."""
    if os.geteuid() != 0:
        return "only root can boot a systemd in its own namespaces"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is absent"
    missing = [name for name in ("unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} of util-linux is absent"
    tried = boot(["true"], timeout=200)
    return None if tried.returncode == 0 else f"systemd can't be booted here: {tried.stderr.strip()[-300:]}"


def why_no_kernel() -> str | None:
    """The reason why no kernel of its own can be booted here, if so."""
    if os.geteuid() != 0:
        return "only root can boot a kernel that sees this machine's files"
    if shutil.which("linux.uml") is None:
        return "User-Mode Linux is absent: install Debian's user-mode-linux"
    return None


def boot(
    command: Sequence[str],
    *,
    bind: Sequence[Path] = (),
    timeout: float = 200,
    script: Path = SCRIPT,
) -> subprocess.CompletedProcess[str]:
    """Run the command beside a fresh systemd; only what it writes below `bind` stays.

    `KERNEL_SCRIPT` boots it beside a kernel of its own.
    """
    binds = [word for folder in bind for word in ("--bind", str(folder))]
    return subprocess.run(
        [str(script), *binds, "--", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
