"""The real Terraform, and real providers from a mirror on this machine, for tests."""

import os
import re
import subprocess
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path

_UNDER = re.compile(
    r"(?P<mirror>.+)/[a-z0-9.-]+\.[a-z]+/[^/]+/(?P<type>[^/]+)/\d[^/]*/[a-z]+_[a-z0-9]+/terraform-provider-(?P=type)_v[^/]+"
)

# Where somebody puts one; to look through the whole root takes a busy host more than a minute.
_LIKELY = ("/opt", "/usr/share", "/usr/local", "/")


@cache
def find_provider_mirror() -> Path | None:
    """A folder laid out as HOST/NAMESPACE/TYPE/VERSION/OS_ARCH that holds the AWS provider."""
    named = os.environ.get("ENVMGR_TEST_PROVIDER_MIRROR")
    if named:
        return Path(named)
    for top in _LIKELY:
        for line in _provider_binaries(top):
            found = _UNDER.fullmatch(line)
            if found:
                return Path(found["mirror"])
    return None


def _provider_binaries(top: str) -> list[str]:
    """Every AWS provider below a folder of the root file system, but for those inside somebody's working folder."""
    skipped = ["-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/tmp", "-o", "-name", ".terraform"]
    wanted = ["-type", "f", "-name", "terraform-provider-aws_v*", "-print"]
    search = subprocess.run(
        ["find", top, "-xdev", "(", *skipped, ")", "-prune", "-o", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=200,
        check=False,
    )
    return search.stdout.splitlines()


def find_provider_mirror_once(shared: Path) -> Path | None:
    """The same for several processes with a folder in common: the first looks, which takes seconds of a core."""
    with (shared / "provider-mirror").open("a+") as memory:
        flock(memory, LOCK_EX)
        memory.seek(0)
        text = memory.read()
        if not text:
            text = f"{find_provider_mirror() or ''}\n"
            memory.write(text)
    return Path(text.strip()) if text.strip() else None


def make_light_mirror(folder: Path, mirror: Path) -> Path:
    """A mirror whose AWS provider is a line that names the one of another mirror as its interpreter.

    It is that one that runs, with its environment untouched; but to install it, its hundreds of megabytes are neither
    copied nor hashed.
    """
    for real in mirror.glob("*/*/aws/*/*/terraform-provider-aws_v*"):
        light = folder / real.relative_to(mirror)
        light.parent.mkdir(parents=True, exist_ok=True)
        light.write_text(f"#!{real}\n")
        light.chmod(0o755)
    return folder


def write_cli_config(folder: Path, mirror: Path) -> Path:
    """A Terraform CLI configuration by which providers come from the mirror and from nowhere else."""
    path = folder / "cli.tfrc"
    path.write_text(
        f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n'
    )
    return path


TINY = 'terraform {\n  required_providers {\n    tiny = { source = "example.com/acme/tiny"VERSION }\n  }\n}\n'
"""Code that requires a provider of some bytes and starts none; `VERSION` is to be replaced."""


def make_tiny_mirror(folder: Path) -> Path:
    """A mirror with that provider, in two versions: to have the real one copied and hashed takes seconds."""
    machine = os.uname().machine
    platform = f"linux_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"
    for version in ("1.0.0", "2.0.0"):
        binary = folder / "example.com/acme/tiny" / version / platform / f"terraform-provider-tiny_v{version}"
        binary.parent.mkdir(parents=True)
        binary.write_text(f"#!/bin/sh\nexit {version[0]}\n")
        binary.chmod(0o755)
    return folder
