"""Environments by the hundred, created and destroyed: what is left of them in files, refs, database and memory.

python -m tests.benchmarks.thousand ROUNDS ENVIRONMENTS_IN_A_ROUND
"""

import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from envmgr.daemon import housekeeping
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.resident import resident_mib
from tests.support.engine import Engine, push
from tests.support.quick_terraform import write_quick_terraform

_MONTH = timedelta(days=31)
_ORGANIZATION: Mapping[str, object] = {
    "limits": {"environments": 1000, "concurrency": 2},
    "destroy": {"confirmations": 2, "grace_period": "5m", "max_at_once": 1000},
}


@dataclass(frozen=True, slots=True)
class Left:
    """What there is after a round: files and folders, refs kept, bytes of the database, resident MiB."""

    files: int
    refs: int
    database: int
    memory: float


class Lives:
    """An envmgr with a stand-in for Terraform, and rounds of environments that come and go."""

    def __init__(self, folder: Path) -> None:
        """Everything is below the folder."""
        self.engine = Engine(folder, **_ORGANIZATION)
        write_quick_terraform(self.engine.binary)
        self.shop = self.engine.repository()
        push(self.shop, ["stays"])
        self.engine.turn()

    def round(self, number: int, count: int) -> Left:
        """Creates so many environments, destroys them, and lets a month go by with its housekeeping."""
        names = [f"r{number}-{each}" for each in range(count)]
        push(self.shop, names)
        self.engine.turn(seconds=30)
        self._expect(names, "ready")
        self.shop.delete(*(f"env-{name}" for name in names))
        self.engine.turn(2, seconds=30)
        self.engine.turn(minutes=5)
        self._expect(names, "destroyed")
        self.engine.clock.now += _MONTH
        _age(self.engine.data / "mirrors", _MONTH)
        housekeeping.tidy(self.engine.application.services)
        return self.left()

    def left(self) -> Left:
        """What there is now."""
        gc.collect()
        data, state = self.engine.data, self.engine.folder / "state"
        everything = [*data.rglob("*"), *state.rglob("*")]
        mirror = data / "mirrors" / "acme" / "shop.git"
        packed = (mirror / "packed-refs").read_text() if (mirror / "packed-refs").exists() else ""
        loose = [path for path in (mirror / "refs").rglob("*") if path.is_file()]
        database = sum((data / name).stat().st_size for name in ("envmgr.db", "envmgr.db-wal"))
        return Left(len(everything), len(loose) + packed.count(" refs/"), database, resident_mib())

    def _expect(self, names: Iterable[str], status: str) -> None:
        found = self.engine.statuses()
        for name in names:
            if found.get(name) != status:
                raise RuntimeError(f"{name} is not {status}: {self.engine.environment(name).message}")


def _age(folder: Path, by: timedelta) -> None:
    """Makes files as old as if time had really passed."""
    then = time.time() - by.total_seconds()
    for path in folder.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


def thousand(_: Laboratory) -> list[Comparison]:
    """A thousand lives in ten rounds, in a process of their own: growth from the second round to the last."""
    command = [sys.executable, "-m", "tests.benchmarks.thousand", "10", "100"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    left = [Left(**each) for each in json.loads(done.stdout)]
    first, last = left[1], left[-1]

    def grown(what: str, unit: str, growth: float, limit: float, then: float) -> Comparison:
        name, note = f"1,000 lives: growth of {what}", f"{then:.6g} {unit} at the end".replace("  ", " ")
        return Comparison(name=name, unit=unit, ours=(growth,), limit=limit, relative=False, note=note)

    return [
        grown("files and folders", "", last.files - first.files, 10, last.files),
        grown("refs", "", last.refs - first.refs, 0, last.refs),
        grown("the database", "KiB", (last.database - first.database) / 1024, 512, last.database / 1024),
        grown("resident memory", "MiB", last.memory - first.memory, 8, last.memory),
    ]


def main(rounds: str, count: str) -> None:
    """Prints what is left after each round, as JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="envmgr-thousand-") as folder:
        lives = Lives(Path(folder))
        left = [lives.round(number, int(count)) for number in range(int(rounds))]
        lives.engine.close()
    print(json.dumps([asdict(each) for each in left]))


if __name__ == "__main__":
    main(*sys.argv[1:])
