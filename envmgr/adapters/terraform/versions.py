"""Which Terraform (or OpenTofu) a binary is, asked once for each file."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.tool.noted import OPENTOFU, number

_SECONDS = 10
# A binary that hangs costs each who asks ten seconds: for five minutes nobody else pays.
_ASK_AGAIN = 300
_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")

Minimum = tuple[int, int]


class Versions:
    """Versions by binary, kept in a file: a binary that did not change is not started to be asked."""

    def __init__(self, cache: Path, minimum: Minimum, seconds: float = _SECONDS) -> None:
        """Remember in the file `cache`; refuse anything older than `minimum` (1, 10)."""
        self._cache = cache
        self._minimum = minimum
        self._seconds = seconds
        self._hung: dict[str, float] = {}

    def version(self, binary: str) -> str:
        """The version as claims note it; raises NeedsPerson where it is absent, hangs, is too old or no Terraform."""
        path = locate(binary)
        identity = _identity(path)
        known = self._read()
        version = known.get(identity) or self._ask(binary, path, identity)
        if _numbers(version) < self._minimum:
            raise NeedsPerson(
                f"{path} is version {number(version)}, but envmgr needs {self._minimum[0]}.{self._minimum[1]} or newer: "
                "install a newer one, or name one as terraform.binary."
            )
        if identity not in known:
            self._write({**known, identity: version})
        return version

    def _ask(self, binary: str, path: Path, identity: str) -> str:
        hangs = f"{path} did not report its version within {self._seconds:g} s: check what terraform.binary names."
        if time.monotonic() < self._hung.get(identity, 0):
            raise NeedsPerson(hangs)  # who asks next has not to wait as long again
        try:
            version = _noted(path, self._seconds)
        except subprocess.TimeoutExpired as error:
            self._hung[identity] = time.monotonic() + _ASK_AGAIN
            raise NeedsPerson(hangs) from error
        except OSError as error:
            raise NeedsPerson(
                f"{path} cannot be started ({error.strerror}): install Terraform again, or correct terraform.binary."
            ) from error
        except (ValueError, KeyError, TypeError):
            version = None
        if not _is_version(version):
            raise NeedsPerson(f"{path} is not Terraform: correct terraform.binary ({binary}).")
        return str(version)

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self._cache.read_text())
        except (OSError, ValueError):
            return {}
        items = known.items() if isinstance(known, dict) else ()
        return {key: version for key, version in items if _is_version(version)}

    def _write(self, known: Mapping[str, str]) -> None:
        """Replaces the file in one step, so that several processes may do so at once."""
        self._cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._cache.parent, delete=False) as file:
            json.dump(known, file)
        Path(file.name).replace(self._cache)


def locate(binary: str) -> Path:
    """The real path of a binary by name or path; raises NeedsPerson where there is none to start."""
    found = shutil.which(binary)
    if found is None:
        state = "is not executable" if Path(binary).is_file() else "was not found"
        raise NeedsPerson(
            f"{binary} {state}: install Terraform, or give its path as terraform.binary in the organization file."
        )
    return Path(found).resolve()


def _identity(path: Path) -> str:
    """Of a file, and of how its version is noted: earlier releases of envmgr did not tell the tools apart."""
    status = path.stat()
    return f"{path} {status.st_mtime_ns} {status.st_size} {status.st_ino} by tool"


def _noted(path: Path, seconds: float) -> object:
    """The version that a program reports, as it is noted.

    OpenTofu reports its own as `terraform_version`, too, and never whether there is a newer one: then it is asked for the
    name that it has for people.
    """
    found = json.loads(_output(path, seconds, "-json"))
    version = found["terraform_version"]
    if "terraform_outdated" not in found and _output(path, seconds).startswith(b"OpenTofu v"):
        return f"{OPENTOFU}{version}"
    return version


def _output(path: Path, seconds: float, *options: str) -> bytes:
    """What `version` prints, asked outside of any workspace; hanging children are killed with it."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as empty:
        process = subprocess.Popen(
            [str(path), "version", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=empty,
            env={"PATH": os.environ.get("PATH", ""), "HOME": empty, "CHECKPOINT_DISABLE": "1"},
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        output.seek(0)
        return output.read(1024 * 1024)


def _is_version(version: object) -> bool:
    return isinstance(version, str) and bool(_NUMBERS.match(number(version)))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number(version).split("-", maxsplit=1)[0].split(".")[:2])
