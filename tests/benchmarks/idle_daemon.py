"""A daemon with nothing to do and drift off: its CPU time for each environment and day, against `git ls-remote`."""

import time
from contextlib import ExitStack

from tests.benchmarks.by_hand import ByHand, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent, cpu_milliseconds
from tests.benchmarks.idle_pass import LIST, populated
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.subject import Subject

SHAPES = ((1, 200), (50, 4))
"""Repositories, and environments in each."""
DAEMONS = 3
SETTLED = 6.0
"""Seconds after its start at which a daemon has looked at all remotes, tidied and audited."""
WINDOW = 32.0
"""Seconds that surely hold the next look at each remote and no second one: 30 s after the first, at a tick."""
_DAY = 86400.0


def idle_daemon(laboratory: Laboratory) -> list[Comparison]:
    """Several daemons of each shape, all at the same time and for one polling interval, since they rest."""
    place = laboratory.place("idle-daemon")
    populations: list[tuple[Subject, int]] = []
    for repositories, branches in SHAPES:
        for number in range(DAEMONS):
            folder = place / f"{repositories}-{number}"
            folder.mkdir()
            subject = Subject(folder, terraform={"binary": laboratory.terraform}, drift={"action": "off"})
            populated(subject, repositories, branches)
            subject.close()
            populations.append((subject, repositories * branches))
    spent = _rest([subject for subject, _ in populations])
    environment = ByHand(laboratory.terraform, {}).environment("nobody")
    lists = [_list(subject, environment) for subject, _ in populations]
    return [
        _comparison(shape, spent[first : first + DAEMONS], lists[first : first + DAEMONS])
        for shape, first in zip(SHAPES, range(0, len(spent), DAEMONS), strict=True)
    ]


def _rest(subjects: list[Subject]) -> list[float]:
    """The CPU seconds of a daemon for each and its git processes while one polling interval goes by."""
    with ExitStack() as daemons:
        processes = [
            daemons.enter_context(running(subject.config, subject.data, subject.folder / "log"))
            for subject in subjects
        ]
        time.sleep(SETTLED)
        before = [Spent.by(process.pid) for process in processes]
        time.sleep(WINDOW)
        spent = [Spent.by(process.pid) - then for process, then in zip(processes, before, strict=True)]
    if not all(each.faults_of_children for each in spent):
        raise RuntimeError("a daemon did not look at its remotes")
    return [each.seconds for each in spent]


def _list(subject: Subject, environment: dict[str, str]) -> float:
    urls = [repository.url for repository in subject.repositories.values()]
    return cpu_milliseconds(lambda: run(LIST, subject.folder, environment, *urls)) / 1000


def per_day(spent: float, environments: int) -> float:
    """CPU seconds in one window, as CPU seconds of each environment in a day."""
    return spent * _DAY / WINDOW / environments


def _comparison(shape: tuple[int, int], spent: list[float], lists: list[float]) -> Comparison:
    repositories, branches = shape
    many = f"{repositories} repositories" if repositories > 1 else "1 repository"
    count = repositories * branches
    return Comparison(
        name=f"idle daemon, {many} x {branches}: CPU of an environment and day",
        unit="s",
        ours=tuple(per_day(each, count) for each in spent),
        by_hand=tuple(per_day(each, count) for each in lists),
        note=f"drift off, polling every 30 s; extrapolated from {WINDOW:g} s with one poll of each remote, in which "
        f"{len(spent)} daemons spent {', '.join(f'{each:.3f}' for each in sorted(spent))} CPU s with their git "
        "processes (without the hourly tidying and the daily audit); by hand: the `git ls-remote` of the same polls",
    )
