"""A service in the place of the daemon, as small as may be: what it starts are real children in real cages.

Started twice by limits_trial.py, under the shipped unit: the first is killed while its last child runs, the second
takes that over. What each of them saw is in a JSON file in its folder.
"""

import json
import signal
import time
import traceback
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from envmgr.domain.rules.cage import confine
from envmgr.domain.values.cage import CageKind, CageLimits, CageRules, Ground, Network, Purpose, Reach
from envmgr.host.cage.bounds import Left, told
from envmgr.host.cage.bubblewrap import caged
from envmgr.host.children.child import Ended, Start, Supervision, attend, run
from envmgr.host.control_group import left_by, settle

FOLDER = Path("/var/lib/envmgr/seen")
LOG = FOLDER / "7.log"
MIB = 1024**2
LONG = CageLimits(memory=200 * MIB, processes=30, cores=1.5)
_LONG = (
    "touch there; i=0; until [ -e go ] || [ $i -gt 1000 ]; do sleep 0.1; i=$((i+1)); done; echo done > done"
)
# Each far below the limit, and all together beyond it.
_HOLD = "for i in 1 2 3 4; do head -c 8000000 /dev/zero | tail -n 1 | sleep 4 & done; wait; exit 1"
_FORK = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; exit 1"
_SPIN = "for i in 1 2 3; do (while :; do :; done) & done; wait"
_FILL = "i=0; while :; do head -c 100000 /dev/zero > $i; i=$((i+1)); sleep 0.1; done"
GREEDY: tuple[tuple[str, CageKind, str, CageLimits], ...] = (
    ("memory", "bwrap", _HOLD, CageLimits(memory=20 * MIB)),
    ("memory without a cage", "none", _HOLD, CageLimits(memory=20 * MIB)),
    ("processes", "bwrap", _FORK, CageLimits(processes=8)),
    ("cpu", "bwrap", _SPIN, CageLimits(cpu_seconds=1)),
    ("disk", "bwrap", _FILL, CageLimits(disk=MIB // 2)),
)


# Each command of a run far below the limit, and those of the run together far beyond it: the kernel stops a process by
# its own clock and the daemon adds the group's up, so that the two may differ by what a start costs.
_HALF = "head -c 12000000 /dev/zero | tail -n 1 | sleep"
_SERVER = f"setsid sh -c '{_HALF} 60' & sleep 1"
_SPUN = "sh -c 'ulimit -t 4; while :; do :; done' || true"
RUNS: tuple[tuple[str, str, str, CageLimits], ...] = (
    ("memory", _SERVER, f"{_HALF} 3; exit 1", CageLimits(memory=20 * MIB)),
    ("cpu", _SPUN, _SPUN, CageLimits(cpu_seconds=6)),
)


def main() -> None:
    """The first start, or the one after it; what goes wrong is told where it is looked for, as there is no journal."""
    try:
        _main()
    except Exception:
        _tell(f"error-{time.monotonic_ns()}", traceback.format_exc())
        raise


def _main() -> None:
    controllers = settle()
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if left_by(LOG):
        _take_over()
        signal.pause()
    _tell("settled", {"controllers": controllers})
    _tell("greedy", {name: _greedy(kind, script, limits) for name, kind, script, limits in GREEDY})
    _tell("runs", {name: _run((first, second), limits) for name, first, second, limits in RUNS})
    _child("bwrap", _LONG, LONG, LOG)


def _greedy(kind: CageKind, script: str, limits: CageLimits) -> str:
    began = time.monotonic()
    ended = _child(kind, script, limits, FOLDER / f"{time.monotonic_ns()}.log")
    return f"{told(ended.reached, limits)} after {time.monotonic() - began:.1f} s"


def _run(scripts: tuple[str, str], limits: CageLimits) -> list[str]:
    """Two commands of one run, of which the first may leave something running."""
    log = FOLDER / f"{time.monotonic_ns()}.log"
    return [told(_child("bwrap", each, limits, log, Purpose.DEPLOY).reached, limits) for each in scripts]


def _child(
    kind: CageKind, script: str, limits: CageLimits, log: Path, purpose: Purpose = Purpose.APPLY
) -> Ended:
    code = FOLDER / "code"
    code.mkdir(exist_ok=True)
    rules = CageRules(kind=kind, network=Network(reach=Reach.NOTHING), limits=limits, outlive=True)
    cage = confine(purpose, rules, Ground(code=str(code)), CageLimits())
    with (FOLDER / "output").open("wb") as output:
        start = Start(
            argv=("sh", "-c", script),
            folder=code,
            environment={"PATH": "/usr/bin:/bin"},
            output=output.fileno(),
            errors=output.fileno(),
        )
        with caged(start, cage, log) as made:
            return run(made, _supervision(log))


def _supervision(log: Path) -> Supervision:
    return Supervision(
        timeout=timedelta(minutes=5),
        patience=timedelta(seconds=1),
        started=lambda pid: log.with_suffix(".pid").write_text(str(pid)),  # type: ignore[arg-type]
        stop=lambda: False,
        tick=lambda: True,
        ending=signal.SIGTERM,
    )


def _take_over() -> None:
    [group] = left_by(LOG)
    names = ("memory.max", "pids.max", "cpu.max")
    found = {name: (group.run.path / name).read_text().strip() for name in names}
    pid = int(LOG.with_suffix(".pid").read_text())
    was_there = str(pid) in (group.path / "cgroup.procs").read_text().split()
    left = Left(LOG)
    (FOLDER / "code/go").touch()
    attend(pid, lambda _: True, _supervision(LOG), left)
    left.end()
    _tell(
        "adopted",
        {
            "limits": asdict(group.limits)["memory"],
            "files": found,
            "was_there": was_there,
            "is_done": (FOLDER / "code/done").exists(),
            "is_gone": not group.run.path.exists(),
        },
    )


def _tell(name: str, found: object) -> None:
    path = FOLDER / f"{name}.json"
    path.with_suffix(".part").write_text(json.dumps(found))
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    main()
