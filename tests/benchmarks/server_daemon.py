"""How much those who look at page and API slow down the daemon that serves them."""

import time
from contextlib import ExitStack, suppress
from datetime import datetime

from envmgr.domain.values.environment import Run, RunStatus
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.server import RATE, bearer, listening, several_tokens
from tests.benchmarks.server_load import Load, beside
from tests.benchmarks.subject import Subject
from tests.support.waiting import wait_for

BRANCHES = 20
_MODULE = "local-environment"
_LONGEST = 300.0
_PATHS = (
    "/api/v1/environments?limit=100",
    "/api/v1/environments/acme/shop/stays",
    "/api/v1/runs",
    "/api/v1/events",
)


def beside_a_daemon(laboratory: Laboratory) -> list[Comparison]:
    """The time from the first run of twenty pushes to the end of the last, while 50 requests a second come in and while none do."""
    place = laboratory.place("server-daemon")
    subject = Subject(place, terraform={"binary": laboratory.terraform}, polling={"interval": "1s"})
    (place / "conf").mkdir()
    subject.config = place / "conf" / "acme.yaml"
    line = listening()
    (place / "conf" / "daemon.yaml").write_text(line)
    shop = subject.repository(terraform={"module": _MODULE}, variables={"root": str(place / "environments")})
    shop.point(["env-stays"], shop.head("main") or "")
    subject.reconcile()
    [secret] = several_tokens(subject.config, subject.data, 1)
    load = Load(f"http://{line.split(chr(39))[1]}", bearer(secret))

    def pushes(names: list[str]) -> float:
        shop.point((f"env-{name}" for name in names), shop.head("main") or "")
        return _makespan(subject, names)

    def with_load(number: int) -> float:
        with beside(load, _PATHS, RATE):
            return pushes([f"a{number}-{each}" for each in range(BRANCHES)])

    with ExitStack() as ending:
        ending.callback(subject.close)
        ending.enter_context(running(subject.config, subject.data, place / "daemon.log"))
        wait_for(lambda: _listens(load))
        first, second = interleaved(
            laboratory.rounds,
            with_load,
            lambda number: pushes([f"b{number}-{each}" for each in range(BRANCHES)]),
        )
    name = f"{BRANCHES} branches at once beside {RATE} requests a second, against none"
    note = "whoever asks gives way to all else, as on a machine of her own"
    return [Comparison(name=name, unit="s", ours=first, by_hand=second, limit=1.05, paired=True, note=note)]


def _listens(load: Load) -> bool:
    with suppress(ConnectionRefusedError):
        return load.ask(_PATHS[0]) > 0
    return False


def _makespan(subject: Subject, names: list[str]) -> float:
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        time.sleep(0.5)
        runs = {run.environment.name: run for run in subject.runs()}
        ours = [runs[name] for name in names if name in runs]
        if len(ours) == len(names) and all(run.status is RunStatus.SUCCEEDED for run in ours):
            return (max(map(_end, ours)) - min(run.started_at for run in ours)).total_seconds()
    raise RuntimeError(f"not all of {', '.join(names)} were applied within {_LONGEST:g} s")


def _end(run: Run) -> datetime:
    assert run.finished_at is not None
    return run.finished_at
