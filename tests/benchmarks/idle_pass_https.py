"""A pass over many repositories by https in which nothing happened, against `git ls-remote` of each."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.adapters.git.unchanged import looks
from envmgr.commands.runtime import Runtime
from tests.benchmarks.by_hand import ByHand, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import cpu_milliseconds
from tests.benchmarks.idle_pass import BRANCHES, LIST, REPOSITORIES, Passes, populated
from tests.benchmarks.interleaving import interleaved, timed
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject
from tests.support.certificates import make_certificates
from tests.support.git_server import GitServer
from tests.support.processes import HOST

_HOST = "localhost"
_AUTHORITY = "ca.pem"


def idle_pass_https(laboratory: Laboratory) -> list[Comparison]:
    """Wall time of a pass, with the server's part in it, and processor time without that."""
    subject = Subject(laboratory.place("idle-pass-https"), terraform={"binary": laboratory.terraform})
    trusted = {"GIT_SSL_CAINFO": str(subject.folder / _AUTHORITY)}
    environment = {**ByHand(laboratory.terraform, {}).environment("nobody"), **trusted}
    # As if git had said the same for so long that this process may look.
    with _served(subject.folder) as base, patch.dict(os.environ, trusted), patch.object(looks, "_SETTLES", 0):
        try:
            application = populated(
                subject, REPOSITORIES, BRANCHES, lambda name: {"url": f"{base}/{name}.git"}
            )
            urls = [f"{base}/{name}.git" for name in subject.repositories]
            with ThreadPoolExecutor(application.poll_workers) as threads:
                passes = Passes(application, threads)
                passes.one()
                by_git = _last_by_git(application)
                spent: dict[str, list[float]] = {"ours": [], "by hand": []}
                ours, by_hand = interleaved(
                    laboratory.rounds,
                    lambda _: _measured(passes.one, spent["ours"]),
                    lambda _: _measured(
                        lambda: run(LIST, subject.folder, environment, *urls), spent["by hand"]
                    ),
                )
            if application.services.store.runs(limit=1) or _last_by_git(application) != by_git:
                raise RuntimeError("a pass that should be idle did work, or asked git")
        finally:
            subject.close()
    return [_wall(ours, by_hand), _processor(spent["ours"], spent["by hand"])]


def _measured(work: Callable[[], object], milliseconds: list[float]) -> float:
    """Seconds of wall-clock time; processor time of this process and what it started is noted."""
    spent, wall = timed(lambda: cpu_milliseconds(work))
    milliseconds.append(spent)
    return wall


def _last_by_git(application: Runtime) -> list[float]:
    """When git last said anything of each remote that was new, or that was not known without it."""
    git = application.services.git
    assert isinstance(git, Mirrors)
    return [said.since for said in git._looks._said.values()]


def _wall(ours: tuple[float, ...], by_hand: tuple[float, ...]) -> Comparison:
    return Comparison(
        name=f"idle pass by https, {REPOSITORIES} repositories x {BRANCHES} branches",
        unit="s",
        ours=ours,
        by_hand=by_hand,
        limit=0.4,
        note="git's http-backend behind TLS on the same machine, its work in both; by hand: git ls-remote under xargs -P 8",
    )


def _processor(ours: list[float], by_hand: list[float]) -> Comparison:
    return Comparison(
        name="… processor time without the server's",
        unit="ms",
        ours=tuple(ours[1:]),
        by_hand=tuple(by_hand[1:]),
    )


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The remotes of a subject by a process of its own; gives where they are."""
    command = [sys.executable, "-m", __name__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def main(folder: Path) -> None:
    """Serves until its input ends."""
    certificates = make_certificates(folder, [_HOST], HOST)
    remotes = folder / "remotes"
    with GitServer(remotes, certificates=certificates, keeps_connections=True) as server:
        print(server.https_url("x", _HOST).removesuffix("/x.git"), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
