"""The command line's whole-process time, beside that of an interpreter that does nothing."""

import os
import subprocess
import sys
from pathlib import Path

from envmgr.composition.records import open_records
from envmgr.domain.values.names import RepositoryId
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.population import populate

REPOSITORIES = 20
BRANCHES = 500
_PROGRAM = Path(sys.executable).with_name("envmgr")
_NOTE = "whole processes; by hand: python -c pass"


def command_line(laboratory: Laboratory) -> list[Comparison]:
    """`envmgr --help`, and `envmgr list` with 10,000 environments: of all, and of one repository's 500."""
    place = laboratory.place("command-line")
    config, data = place / "config", place / "data"
    config.mkdir()
    (config / "acme.yaml").write_text(_organization())
    with_records = open_records(config, data, os.environ)
    branches = {f"env-{number}x": "c" * 40 for number in range(BRANCHES)}
    for number in range(REPOSITORIES):
        populate(with_records, RepositoryId("acme", f"r{number}"), branches, "")
    with_records.close()
    options = ["--config", str(config), "--data-dir", str(data)]
    return [
        _compare(laboratory, "envmgr --help", ["--help"], 150, 10),
        _compare(laboratory, "envmgr list, 10,000 environments", [*options, "list"], 500, 10_001),
        _compare(laboratory, "… --json", [*options, "list", "--json"], 500, 10_000),
        _compare(
            laboratory, "… --repository, 500 of them", [*options, "list", "--repository", "r7"], 150, 501
        ),
    ]


def _organization() -> str:
    names = "".join(f"  - {{name: r{number}, url: /srv/r{number}.git}}\n" for number in range(REPOSITORIES))
    return f"organization: acme\nbackend: {{local: {{}}}}\nrepositories:\n{names}"


def _compare(laboratory: Laboratory, name: str, arguments: list[str], limit: float, lines: int) -> Comparison:
    def ours(_: int) -> float:
        return _milliseconds([str(_PROGRAM), *arguments], lines)

    def nothing(_: int) -> float:
        return _milliseconds([sys.executable, "-c", "pass"], 0)

    first, second = interleaved(laboratory.rounds, ours, nothing)
    return Comparison(
        name=name, unit="ms", ours=first, by_hand=second, limit=limit, relative=False, note=_NOTE
    )


def _milliseconds(command: list[str], lines: int) -> float:
    """Runs a command and checks that it printed at least so many lines."""
    printed: list[bytes] = []

    def work() -> None:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, stdin=subprocess.DEVNULL)
        printed.append(done.stdout)

    taken = seconds(work) * 1000
    count = printed[0].count(b"\n")
    if count < lines:
        raise RuntimeError(f"{' '.join(command)} printed only {count} lines")
    return taken
