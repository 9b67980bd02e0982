"""A pass over many repositories in which nothing happened, against `git ls-remote` of each."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.written import OVERLAP, Written
from tests.benchmarks.by_hand import ByHand, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.population import populate
from tests.benchmarks.subject import Subject
from tests.support.engine import code
from tests.support.git_repository import GitRepository

REPOSITORIES = 200
BRANCHES = 50
LIST = 'printf "%s\\0" "$@" | xargs -0 -n 1 -P 8 git ls-remote >/dev/null'
_EACH = 10  # of so many repositories one was written to right before


def idle_pass(laboratory: Laboratory) -> list[Comparison]:
    """Wall time of one pass, alone and right after a write, and what memory a fresh process has after ten."""
    subject = Subject(laboratory.place("idle-pass"), terraform={"binary": laboratory.terraform})
    application = populated(subject, REPOSITORIES, BRANCHES)
    urls = [repository.url for repository in subject.repositories.values()]
    environment = ByHand(laboratory.terraform, {}).environment("nobody")
    try:
        with ThreadPoolExecutor(application.poll_workers) as threads:
            passes = Passes(application, threads)

            def after_writes(_: int) -> float:
                _write(application)
                return seconds(passes.one)

            def by_hand(_: int) -> float:
                return seconds(lambda: run(LIST, subject.folder, environment, *urls))

            quiet = interleaved(laboratory.rounds, lambda _: seconds(passes.one), by_hand)
            loud = interleaved(laboratory.rounds, after_writes, by_hand)
        if application.services.store.runs(limit=1):
            raise RuntimeError("a pass that should be idle did work")
    finally:
        subject.close()
    name = f"idle pass, {REPOSITORIES} repositories x {BRANCHES} branches"
    after = f"… right after a write in {REPOSITORIES // _EACH} of them"
    return [_wall(name, *quiet, 0.4), _wall(after, *loud, 1), *_memory(subject)]


class Passes:
    """What the daemon does in one interval, by threads it keeps: look at every remote, then for due work."""

    def __init__(self, application: Runtime, threads: ThreadPoolExecutor) -> None:
        """Of an application whose every repository was looked at once."""
        self._application, self._threads = application, threads
        self._written = Written(application.services.clock(), OVERLAP)

    def one(self) -> None:
        """One pass over all repositories."""
        application, services = self._application, self._application.services
        polled = self._threads.map(application.poller.poll, services.repositories.values())
        if any(failed := [each.error for each in polled]):
            raise RuntimeError(next(filter(None, failed)))
        with self._written.news(services.store, services.clock()) as news:
            due = {*news, *application.workers.due_again()}
        for repository in due:
            application.workers.look(services.repositories[repository])
        application.workers.wait()


def _write(application: Runtime) -> None:
    """Writes to one environment of each tenth repository, as another process does; it stays as it is."""
    store, clock = application.services.store, application.services.clock
    for repository in list(application.services.repositories.values())[::_EACH]:
        store.update(
            EnvironmentId(repository.id.organization, repository.id.name, "0x"), None, clock(), lambda e: e
        )


def populated(
    subject: Subject,
    repositories: int,
    branches: int,
    settings: Callable[[str], Mapping[str, Any]] = lambda _: {},
) -> Runtime:
    """So many copies of a repository with so many environments each, all ready: nothing is to be done.

    `settings` gives what the organization file says of a repository by its name.
    """
    heads = _repositories(subject, repositories, branches)
    subject.repository_settings.update({name: dict(settings(name)) for name in subject.repositories})
    application = subject.application
    for repository in application.services.repositories.values():
        populate(
            application.services.store,
            repository.id,
            heads,
            repository.inputs() or "",
            repository.organization.backend,
        )
    for repository in application.services.repositories.values():
        if application.workers.look(repository):
            raise RuntimeError(f"{repository.id} is not idle")
    return application


def _repositories(subject: Subject, repositories: int, branches: int) -> Mapping[str, str]:
    """Copies of one repository, its refs packed as after a clone or gc; gives its environments' branches."""
    first = subject.repository("r0")
    commit = first.commit("main", code())
    first.point((f"env-{number}x" for number in range(branches)), commit)
    first.git("pack-refs", "--all")
    for number in range(1, repositories):
        path = first.path.with_name(f"r{number}.git")
        shutil.copytree(first.path, path)
        subject.repositories[path.stem] = GitRepository(path)
        subject.repository_settings[path.stem] = {}
    return {branch: head for branch, head in first.branches().items() if branch != "main"}


def _wall(name: str, ours: tuple[float, ...], by_hand: tuple[float, ...], limit: float) -> Comparison:
    return Comparison(
        name=name,
        unit="s",
        ours=ours,
        by_hand=by_hand,
        limit=limit,
        note="records put into the store as ready, remotes by path; by hand: git ls-remote under xargs -P 8",
    )


def _memory(subject: Subject) -> list[Comparison]:
    command = [sys.executable, "-m", "tests.benchmarks.resident", str(subject.config), str(subject.data)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    after: list[float] = json.loads(done.stdout)
    name = "memory of a fresh process"
    return [
        Comparison(name=f"{name} after ten passes", unit="MiB", ours=(after[9],), limit=150, relative=False),
        Comparison(
            name=f"{name}: growth from pass 3 to 10",
            unit="MiB",
            ours=(after[9] - after[2],),
            limit=1,
            relative=False,
            note="resident memory after each pass: " + ", ".join(f"{each:.1f}" for each in after),
        ),
    ]
