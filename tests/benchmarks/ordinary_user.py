"""A benchmark as an unprivileged user, as the product is to run: some of what a cage takes is for root alone."""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.integration.attack_ground import SERVICE
from tests.support import service

Benchmark = Callable[[Laboratory], list[Comparison]]
# $1 is the user, then the folders that may be closed to others as pairs of what and where, then the command.
_SCRIPT = """set -eu
user=$1; shift
mount -t tmpfs -o mode=755 parts /mnt
while [ "$1" != -- ]; do mkdir "$2"; mount --bind "$1" "$2"; shift 2; done
shift
exec setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"
"""


def as_ordinary_user(name: str) -> Callable[[Benchmark], Benchmark]:
    """Has a benchmark of this name measured in a process of a user's without rights, where this one is root's."""

    def around(measured: Benchmark) -> Benchmark:
        @wraps(measured)
        def measure(laboratory: Laboratory) -> list[Comparison]:
            return _of_user(name, laboratory) if os.geteuid() == 0 else measured(laboratory)

        return measure

    return around


def _of_user(name: str, laboratory: Laboratory) -> list[Comparison]:
    if missing := [program for program in ("unshare", "setpriv") if shutil.which(program) is None]:
        raise Absent(f"{' and '.join(missing)} of util-linux is absent")
    # Not below the laboratory's folder, which is root's alone.
    with tempfile.TemporaryDirectory(prefix="envmgr-bench-", dir="/var/tmp") as folder:
        os.chown(folder, SERVICE, SERVICE)
        report = Path(folder, "report.json")
        arguments = [name, "--rounds", str(laboratory.rounds), "--json", str(report)]
        places = {path: f"/mnt/{number}" for number, path in enumerate(service.folders())}
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c", _SCRIPT, "ordinary", str(SERVICE)),
                *(part for path, place in places.items() for part in (str(path), place)),
                *("--", _python(places), "-P", "-m", "tests.benchmarks", *arguments),
            ],
            cwd="/",
            env=_environment(places, folder),
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise Absent("it could not be measured as an unprivileged user, see above")
        found = json.loads(report.read_text())
    if found["absent"]:
        raise Absent("; ".join(found["absent"]))
    return [Comparison.from_json(each) for each in found["results"]]


def _python(places: dict[Path, str]) -> str:
    prefix = places.get(Path(sys.base_prefix), sys.base_prefix)
    return f"{prefix}/bin/python3.{sys.version_info.minor}"


def _environment(places: dict[Path, str], home: str) -> dict[str, str]:
    imported = [service.ROOT, *map(Path, site.getsitepackages())]
    own = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    return {
        **own,
        "HOME": home,
        "TMPDIR": home,
        "LD_LIBRARY_PATH": f"{places.get(Path(sys.base_prefix), sys.base_prefix)}/lib",
        "PYTHONPATH": ":".join(places.get(path, str(path)) for path in imported),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
