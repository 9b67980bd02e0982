"""One environment's whole world: remote, configuration, data folder, state, and what its resources left behind."""

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from tests.chaos.backends import Place
from tests.chaos.module import module
from tests.chaos.observation import Observation
from tests.chaos.process import INTERVAL, Order
from tests.chaos.undertaker import Undertaker
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

BRANCH = "env-alice"
TIME_TO_LIVE = 20_000  # seconds: longer than all the time that passes may have to wait for
STATE_FAULTS = (
    "state write refused (403)",
    "state write answered 500",
    "state write cut",
    "state write unanswered",
)
_STATE_FAULTS = dict(
    zip(STATE_FAULTS, (Fault(status=403), Fault(status=500), Fault(cut=True), Fault(lost=True)), strict=True)
)

# The lock shows two Terraforms at once: it is inherited, so it lasts as long as Terraform does.
_SCRIPT = """#!/bin/bash
if [[ $1 != version ]]; then
  [[ $PWD =~ /shop/([a-z]+) ]] # each environment has its own
  exec {{lock}}>>{folder}/terraform-lock-${{BASH_REMATCH[1]}} # a number that is free: a plan comes as an open file
  flock -n $lock || echo "$*" >>{folder}/overlaps
  echo "$$ $PPID $1" >{folder}/started
fi
exec {real} "$@"
"""


# It needs the whole infrastructure (what Terraform lost is there, too).
_DEPLOY = """
test "$(ls {folder}/existing | wc -l)" -ge 3
echo "$ENVMGR_COMMIT" > {folder}/deployed
. {folder}/leave
"""
# What a step may leave where envmgr works: envmgr's own power over files is taken away in a campaign.
LEFTOVERS = {
    "a read-only checkout": "mkdir -p mod/a && touch mod/a/f && chmod -R a-w mod .",
    "closed folders": 'chmod 0 "$TMPDIR" "$HOME" . ..',
    "a link for the temporary folder": 'rm -rf "$TMPDIR"; ln -s /nowhere "$TMPDIR"',
    "a file for the home, a folder for a file": 'rm -rf "$HOME" ../outputs.json; touch "$HOME"; mkdir ../outputs.json',
}


@dataclass(frozen=True, slots=True)
class Traces:
    """What the resources themselves say: those that exist, those that were ended twice, two Terraforms at once.

    `deployed` is the commit whose code runs, empty where none does.
    """

    existing: frozenset[str]
    ended_twice: tuple[str, ...]
    overlaps: tuple[str, ...]
    deployed: str


class World:
    """To be used in `with`: its remote is served and its Terraforms are listened for until the end."""

    def __init__(
        self, folder: Path, place: Place, *, http: bool, proxy: bool = False, ends: bool = False
    ) -> None:
        """Lay it all out below a folder; `http`: the remote is a server, else a path; `proxy`: state can fail.

        With `ends` what is applied has a time to live.
        """
        self.folder = folder
        self.data = folder / "data"
        self.resources = folder / "resources"
        (self.resources / "existing").mkdir(parents=True)
        self.leave("")
        self.repository = GitRepository.create(folder / "remotes" / "shop.git")
        self.repository.commit("main", {"README.md": "hello"})
        self._place = place
        self._http = http
        self._ends = ends
        self._proxy = FaultyProxy(urlsplit(place.url).port or 0) if proxy else None
        self._ending = ExitStack()
        self._version = 0

    def __enter__(self) -> Self:
        """Serve the remote, listen for Terraform."""
        self.undertaker = self._ending.enter_context(Undertaker(self.folder / "started"))
        self._server = GitServer(self.folder / "remotes")
        if self._http:
            self._ending.enter_context(self._server)
        if self._proxy is not None:
            self._ending.enter_context(self._proxy)
        self._write_terraform()
        self._write_configuration()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both."""
        self._ending.close()

    def push(self) -> str:
        """The next version of the code in the branch; gives the commit."""
        self._version += 1
        return self.repository.commit(BRANCH, {"terraform/main.tf": module(self._version)})

    def order(self, **changes: Any) -> Order:
        """What a process in this world does."""
        return Order(
            config=self.folder / "acme.yaml",
            data=self.data,
            log=self.folder / "log",
            report=self.folder / "report.json",
            last_words=self.folder / "last-words",
            **changes,
        )

    def report(self) -> tuple[Observation | None, list[str], float]:
        """What the last process found, its durable writes, and its seconds."""
        found = self.document()
        assert found is not None
        seen = found["observation"]
        return (Observation(**seen) if seen else None), found["writes"], found["seconds"]

    def document(self) -> dict[str, Any] | None:
        """What the last process reported; None where it died."""
        path = self.folder / "report.json"
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def last_words(self) -> str:
        """Why the last process died, where it says."""
        path = self.folder / "last-words"
        return path.read_text() if path.exists() else ""

    def traces(self) -> Traces:
        """What the resources themselves say."""
        history = self.resources / "history"
        ended = [line for line in lines(history) if line.startswith("ended")]
        return Traces(
            existing=frozenset(path.name for path in (self.resources / "existing").iterdir()),
            ended_twice=tuple(sorted({line for line in ended if ended.count(line) > 1})),
            overlaps=tuple(lines(self.folder / "overlaps")),
            deployed="".join(lines(self.resources / "deployed")),
        )

    def forget(self, resources: frozenset[str]) -> None:
        """Takes away what nobody will ever end."""
        for name in resources:
            (self.resources / "existing" / name).unlink()

    def pardon(self) -> None:
        """What Terraform's death explains is not held against what comes after it."""
        (self.resources / "history").unlink(missing_ok=True)
        (self.folder / "overlaps").unlink(missing_ok=True)

    @contextmanager
    def lying(self, fault: str) -> Iterator[None]:
        """The remote is not as it should be for a block: one of `faults`."""
        aside = self.repository.path.with_name("aside.git")
        match fault:
            case "remote unreachable":
                self.repository.path.rename(aside)
            case "remote empty":
                self.repository.path.rename(aside)
                GitRepository.create(self.repository.path)
            case "listing cut":
                self._server.fail("shop", cut_after=70)
            case "remote answers 500":
                self._server.fail("shop", status=500)
            case "remote refuses (401)":
                self._server.fail("shop", status=401)
        try:
            yield
        finally:
            self._server.heal("shop")
            if aside.exists():
                if self.repository.path.exists():
                    shutil.rmtree(self.repository.path)
                aside.rename(self.repository.path)

    def leave(self, leftover: str) -> None:
        """From now on each step leaves one of LEFTOVERS, or (empty) nothing."""
        (self.resources / "leave").write_text(f"{LEFTOVERS.get(leftover, ':')}\n")

    def fail_state(self, fault: str) -> None:
        """From now on state cannot be written, in one of the ways of STATE_FAULTS."""
        if self._proxy is not None:
            self._proxy.fail(_STATE_FAULTS[fault], _writes_state)

    def heal_state(self) -> int:
        """State can be written again; gives how many writes have failed."""
        if self._proxy is None:
            return 0
        self._proxy.heal()
        failed = len(self._proxy.failed)
        self._proxy.failed.clear()
        return failed

    def _write_terraform(self) -> None:
        real = shutil.which("terraform")
        assert real is not None, "terraform is absent: put it on the PATH"
        binary = self.folder / "terraform"
        binary.write_text(_SCRIPT.format(folder=shlex.quote(str(self.folder)), real=shlex.quote(real)))
        binary.chmod(0o755)

    def _write_configuration(self) -> None:
        url = self._server.http_url("shop") if self._http else self.repository.url
        endpoint = {"AWS_ENDPOINT_URL": self._proxy.url} if self._proxy is not None else {}
        document: dict[str, Any] = {
            "organization": "acme",
            "backend": dict(self._place.settings),
            "terraform": {"binary": str(self.folder / "terraform")},
            "environment_variables": {**self._place.environment, **endpoint},
            "destroy": {"confirmations": 2, "grace_period": "0s"},
            "polling": {"interval": f"{INTERVAL.total_seconds():.0f}s"},
            "repositories": [
                {
                    "name": "shop",
                    "url": url,
                    "variables": {"folder": str(self.resources)},
                    "deploy": [{"name": "deploy", "run": _DEPLOY.format(folder=self.resources)}],
                    "on_destroy": [
                        {"name": "end", "run": f"rm -f {self.resources}/deployed; . {self.resources}/leave"}
                    ],
                },
            ],
        }
        if self._ends:
            document["ttl"] = {"default": f"{TIME_TO_LIVE}s", "warn_before": []}
        with (self.folder / "acme.yaml").open("w") as file:
            YAML().dump(document, file)


def faults(*, http: bool) -> tuple[str, ...]:
    """How a remote may lie."""
    served = ("listing cut", "remote answers 500", "remote refuses (401)")
    return ("remote unreachable", "remote empty", *(served if http else ()))


def _writes_state(line: str, _: bytes) -> bool:
    """Not its lock."""
    return line.startswith("PUT ") and "terraform.tfstate" in line and "tflock" not in line


def lines(path: Path) -> list[str]:
    """The lines of a file; none where there is no such file."""
    return path.read_text().splitlines() if path.exists() else []
