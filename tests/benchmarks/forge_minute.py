"""What an idle minute asks of a forge: forty repositories, each with a pull request that has its environment."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML

from envmgr.domain.values.forge import ReportState
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.running_daemon import running
from tests.support.engine import code
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import Model
from tests.support.forges.trials import TRIALS, Trial
from tests.support.git_repository import GitRepository
from tests.support.quick_terraform import write_quick_terraform

KINDS = ("github", "gitlab", "gitea", "bitbucket-cloud", "bitbucket-data-center", "azure-devops")
REPOSITORIES = 40
MINUTE = 60.0
_QUIET = 140.0
"""Seconds without a write after which all is said, and what came of that was read by the next two looks."""
_LONGEST = 600.0
_MODULE = 'resource "terraform_data" "app" {}\n'


def forge_minute(laboratory: Laboratory) -> list[Comparison]:
    """The calls of each kind of forge in a minute in which nothing happens; at most one for each repository."""
    return [_measured(laboratory.place(f"forge-minute-{name}"), name) for name in KINDS]


def _measured(folder: Path, name: str) -> Comparison:
    trial, models = TRIALS[name], [_model(number) for number in range(REPOSITORIES)]
    with LoopbackForge(trial.kind(), models) as forge, _watched(folder, Site(trial, forge)):
        _wait_until_told(forge, trial)
        before = len(forge.calls)
        time.sleep(MINUTE)
        calls = forge.calls[before:]
    each = Counter(operation for operation, _ in calls)
    unchanged = sum(1 for _, status in calls if status == 304)
    note = ", ".join(f"{operation} {number}" for operation, number in each.most_common())
    return Comparison(
        name=f"{name}: calls of an idle minute for each of {REPOSITORIES} repositories",
        unit="",
        ours=(len(calls) / REPOSITORIES,),
        limit=1,
        relative=False,
        note=f"{unchanged} of {len(calls)} unchanged; {note}; git is looked at once an hour",
    )


@dataclass(frozen=True, slots=True)
class Site:
    """Repositories on one forge of a kind."""

    trial: Trial
    forge: LoopbackForge

    def organization(self, folder: Path, binary: Path) -> dict[str, object]:
        """The organization file."""
        return {
            "organization": "acme",
            "terraform": {"binary": str(binary)},
            "polling": {"interval": "1h"},
            "limits": {"environments": 1000, "concurrency": 4},
            "repositories": [
                {
                    "name": model.name.partition("/")[2],
                    "url": str(self._git(folder, model)),
                    "forge": {
                        **self.trial.section,
                        "url": f"{self.forge.url}{self.trial.address}",
                        "repository": f"{self.trial.below}{model.name}",
                        "token": TOKEN,
                    },
                    "previews": {"when": {"authors": "anyone"}},
                }
                for model in self.forge.models
            ],
        }

    def _git(self, folder: Path, model: Model) -> Path:
        """A repository whose branch is the head of a pull request."""
        first = folder / "git" / "first.git"
        if not first.exists():
            made = GitRepository.create(first)
            made.commit("main", {"README": "shop"})
            made.commit("topic", code(module=_MODULE))
        path = folder / "git" / f"{model.name.partition('/')[2]}.git"
        shutil.copytree(first, path)
        model.opens("topic", GitRepository(path).git("rev-parse", "topic").strip())
        return path


def _model(number: int) -> Model:
    return Model(name=f"acme/r{number}", now=lambda: datetime.now(UTC))


@contextmanager
def _watched(folder: Path, site: Site) -> Iterator[None]:
    binary = Path(write_quick_terraform(folder / "terraform"))
    with (folder / "acme.yaml").open("w") as file:
        YAML().dump(site.organization(folder, binary), file)
    with running(folder / "acme.yaml", folder / "data", folder / "log"):
        yield


def _wait_until_told(forge: LoopbackForge, trial: Trial) -> None:
    """Until each environment is ready, and the forge was told all of it. Raises RuntimeError."""
    success, deadline = trial.states[ReportState.SUCCESS], time.monotonic() + _LONGEST
    writes, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        ready = sum(any(s.state == success for s in model.statuses) for model in forge.models)
        now = sum(1 for method, *_ in forge.requests if method != "GET")
        if now != writes or ready < REPOSITORIES:
            writes, since = now, time.monotonic()
        elif time.monotonic() - since > _QUIET:
            return
        time.sleep(0.5)
    raise RuntimeError(f"not all environments are ready, or told of: {forge.calls[-20:]}")
