"""A stand-in for OpenTofu: real Terraform, with the differences that are recorded and marked as played.

Started as `python opentofu_stand_in.py VERSION TERRAFORM ARGUMENT …`; standard library only, and nothing of envmgr.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REQUIRED = re.compile(r"^.*\brequired_version\b.*$", re.MULTILINE)
_PLATFORM = "linux_amd64"


def main(version: str, terraform: str, arguments: list[str]) -> int:
    """Does what this version of OpenTofu would; gives its exit code."""
    command = arguments[0] if arguments else ""
    if command == "version":
        return _version(version, arguments)
    if command == "apply" and _numbers(version) < (1, 11) and _has_values(arguments):
        summary, detail = (
            "Can't set variables when applying a saved plan",
            "A saved plan includes the variable values.",
        )
        diagnostic = {"severity": "error", "summary": summary, "detail": detail}
        said = {"@level": "error", "@message": summary, "type": "diagnostic", "diagnostic": diagnostic}
        sys.stdout.write(f"{json.dumps(said)}\n")
        return 1
    with _as_terraform_reads_it(Path.cwd()):
        done = subprocess.Popen([terraform, *arguments], stdout=subprocess.PIPE, close_fds=False)
        assert done.stdout is not None
        for line in done.stdout:
            sys.stdout.buffer.write(_said(line, command, version))
            sys.stdout.buffer.flush()
        code = done.wait()
    if command == "init" and code == 0:
        _leave_locks()
    return code


def _version(version: str, arguments: list[str]) -> int:
    if "-json" in arguments:
        said = {"terraform_version": version, "platform": _PLATFORM, "provider_selections": {}}
        sys.stdout.write(f"{json.dumps(said)}\n")
    else:
        sys.stdout.write(f"OpenTofu v{version}\non {_PLATFORM}\n")
    return 0


def _has_values(arguments: list[str]) -> bool:
    return any(each.startswith(("-var=", "-var-file=")) for each in arguments)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


@contextmanager
def _as_terraform_reads_it(folder: Path) -> Iterator[None]:
    """With each `.tofu` file in the place of the `.tf` file of its name, and no version required of Terraform."""
    found = [path for path in folder.iterdir() if path.name.endswith((".tf", ".tofu", ".tofu.json"))]
    before = {path: path.read_text() for path in found}
    made = []
    try:
        for path, text in before.items():
            place = path.with_name(path.name.replace(".tofu", ".tf"))
            if place == path and path.with_suffix(".tofu") in before:
                continue
            if place not in before:
                made.append(place)
            place.write_text(_REQUIRED.sub("", text))
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        for path, text in before.items():
            path.write_text(text)


def _said(line: bytes, command: str, version: str) -> bytes:
    """A line as OpenTofu says it."""
    if not line.startswith(b'{"@level"'):
        return line
    said = json.loads(line)
    said["@module"] = "tofu.ui"
    said["@message"] = said["@message"].replace("Terraform", "OpenTofu")
    if said.get("type") == "version":
        said["tofu"], said["@message"] = version, f"OpenTofu {version}"
        said.pop("terraform", None)
    if command == "init" and said.get("type") in ("init_output", "log"):
        said.pop("type")
        said.pop("message_code", None)
    if "changes" in said:
        said["changes"]["forget"] = 0
    return f"{json.dumps(said)}\n".encode()


def _leave_locks() -> None:
    """Beside each package, in the cache where there is one."""
    cache = os.environ.get("TF_PLUGIN_CACHE_DIR")
    folder = Path(cache) if cache else Path(os.environ.get("TF_DATA_DIR", ".terraform"), "providers")
    for package in list(folder.glob("*/*/*/*/*_*")):
        package.with_name(f"{package.name.partition('.')[0]}.lock").touch()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
