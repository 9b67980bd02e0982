"""What the others notice where a remote hangs, a Terraform hangs, and an organization has wrong credentials."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.running_daemon import LONGEST, running
from tests.support.engine import MODULE
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

if TYPE_CHECKING:
    import subprocess

PUSHES = 10
_PERIOD = 2.0
"""Seconds in which an interval of one second surely looks once: pushes are spread over it."""
_GOLDEN = 0.618
"""Steps of this part of it spread any number of pushes evenly."""
_HANGS = 'case "$TF_VAR_environment $1" in "hangs plan") touch {mark}; sleep 600;; esac'
_MANY = 12  # more than are looked at together


class Orchard:
    """A daemon, a process of its own, for an organization `good`; with `bad` all that goes wrong beside it."""

    def __init__(self, folder: Path, terraform: str, server: GitServer, *, bad: bool) -> None:
        """Lay out the folders; the server's root holds the remotes that hang or refuse."""
        self.folder, self._server, self._bad = folder, server, bad
        self.config, self.data = folder / "config", folder / "data"
        self.log = folder / "log"
        self.config.mkdir(parents=True)
        self.hangs = folder / "hangs"
        self._terraform = folder / "terraform"
        script = _HANGS.format(mark=self.hangs)
        self._terraform.write_text(f'#!/bin/sh\n{script}\nexec {terraform} "$@"\n')
        self._terraform.chmod(0o755)
        self.shop = _remote(folder / "shop.git")
        self.shop.commit("env-good", {"terraform/main.tf": MODULE})
        self._write("good", self._good())
        if bad:
            self.shop.commit("env-hangs", {"terraform/main.tf": MODULE})
            self._write("wrong", self._wrong())

    @contextmanager
    def daemon(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A daemon that runs in the block, from when all is ready that can be, and what is bad shows."""
        try:
            with running(self.config, self.data, self.log) as process:
                self.wait(self.shop.head("env-good") or "")
                self._wait_for_the_bad()
                yield process
        finally:
            self.hangs.unlink(missing_ok=True)

    def push(self, phase: float) -> float:
        """Pushes a change at a phase (0 to 1) of the daemon's looks; gives the seconds until it is ready."""
        time.sleep((phase * _PERIOD - time.monotonic()) % _PERIOD)
        text = MODULE + f'\noutput "pushed" {{ value = "{time.monotonic_ns()}" }}\n'
        begin = time.perf_counter()
        self.wait(self.shop.commit("env-good", {"terraform/main.tf": text}))
        return time.perf_counter() - begin

    def wait(self, commit: str) -> None:
        """Until the good environment has a commit."""
        deadline = time.monotonic() + LONGEST
        while True:
            found = self.environment("good")
            if found and found.status is Status.READY and found.applied.commit == commit:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready: {found}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.01)

    def environment(self, name: str) -> Environment | None:
        """What the records say of an environment of the shop."""
        if not self.data.is_dir():
            return None
        with closing(open_records(self.config, self.data, os.environ)) as store:
            return store.environment(EnvironmentId("good", "shop", name))

    def _wait_for_the_bad(self) -> None:
        deadline = time.monotonic() + LONGEST
        while self._bad and not (self.hangs.exists() and self._asked()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing goes wrong: {self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def _asked(self) -> bool:
        """Whether every bad remote was asked."""
        asked = " ".join(self._server.requests)
        return all(f"/{name}.git/" in asked for name in (*_silent(), "locked"))

    def _good(self) -> list[dict[str, object]]:
        for name in _silent() if self._bad else ():
            _remote(self._server.root / f"{name}.git")
            self._server.fail(name, hang=True)
        silent = [{"name": name, "url": self._server.http_url(name)} for name in _silent()]
        return [{"name": "shop", "url": self.shop.url}, *(silent if self._bad else ())]

    def _wrong(self) -> list[dict[str, object]]:
        _remote(self._server.root / "locked.git")
        self._server.protect("locked", "bot", "right")
        credentials = {"username": "bot", "password": "wrong"}
        local = _remote(self.folder / "local.git")
        local.commit("env-alice", {"terraform/main.tf": MODULE})
        return [
            {"name": "locked", "url": self._server.http_url("locked"), "credentials": credentials},
            {"name": "local", "url": local.url},
        ]

    def _write(self, organization: str, repositories: list[dict[str, object]]) -> None:
        document = {
            "organization": organization,
            "terraform": {"binary": str(self._terraform)},
            "polling": {"interval": "1s"},
            "repositories": repositories,
        }
        if organization == "wrong":
            document["environment_variables"] = {"TOKEN": {"file": str(self.folder / "no-such-secret")}}
        with (self.config / f"{organization}.yaml").open("w") as file:
            YAML().dump(document, file)


def bad_apple(laboratory: Laboratory) -> list[Comparison]:
    """The time from push to `ready` of a good environment, with bad ones beside it and without."""
    place = laboratory.place("bad-apple")
    root = place / "served"
    root.mkdir()
    with GitServer(root) as server:
        beside = Orchard(place / "bad", laboratory.terraform, server, bad=True)
        alone = Orchard(place / "alone", laboratory.terraform, server, bad=False)
        with beside.daemon(), alone.daemon():
            ours, others = interleaved(
                laboratory.rounds * PUSHES,
                lambda number: beside.push(number * _GOLDEN),
                lambda number: alone.push(number * _GOLDEN),
            )
    return [
        Comparison(
            name="push to ready beside bad ones",
            unit="s",
            ours=ours,
            by_hand=others,
            limit=1.1,
            note=f"{_MANY} remotes hang, a Terraform of the same repository hangs, another organization's git password "
            "and secrets are wrong; in place of `by hand`: a daemon without them at the same time; "
            f"{PUSHES} pushes a round, in turn, spread evenly over the polling interval",
        )
    ]


def _silent() -> list[str]:
    return [f"silent{number}" for number in range(_MANY)]


def _remote(path: Path) -> GitRepository:
    repository = GitRepository.create(path)
    repository.commit("main", {"README": "hello"})
    return repository
