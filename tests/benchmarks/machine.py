"""What the figures were measured on: nothing that names the machine, all that explains them."""

import os
import platform
import re
import subprocess
from pathlib import Path


def describe(terraform: str | None) -> str:
    """CPU, memory, kernel and versions, as one paragraph."""
    parts = [
        f"{_cpu()}, {len(os.sched_getaffinity(0))} cores",
        f"{_memory_gib():.0f} GiB of memory",
        f"Linux {platform.release().split('-')[0]}",
        _said(terraform, "version") if terraform else "no Terraform",
        _said("git", "--version"),
        f"Python {platform.python_version()}",
        f"load average before: {os.getloadavg()[0]:.1f}",
    ]
    return "Measured on: " + "; ".join(parts) + "."


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _said(program: str, *arguments: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment = {**own, "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    return done.stdout.splitlines()[0]
