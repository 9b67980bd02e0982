"""Steps in a real bubblewrap: what they see, what they may write, and that nothing outlives its end."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.steps.runner import StepRunner
from envmgr.adapters.steps.sandbox import Bubblewrap
from envmgr.commands.doctor import of_organizations
from envmgr.domain.errors import NeedsPerson, StepFailed
from envmgr.domain.values.step import Step
from envmgr.ports import Place, StepLimits, Watch
from tests.support.engine import Engine, code


@pytest.fixture(autouse=True)
def _bubblewrap() -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bwrap is absent: install Debian's bubblewrap")
    try:
        Bubblewrap(()).check()
    except NeedsPerson as error:
        pytest.skip(str(error))


@pytest.fixture
def engine(folder: Path, terraform_binary: str) -> Iterator[Engine]:
    """As everywhere, in that folder."""
    del terraform_binary
    made = Engine(folder)
    yield made
    made.close()


@dataclass
class Host:
    """A data folder with the place of a step in it, and a secret beside."""

    data: Path
    place: Place
    log: Path

    def run(self, script: str, seconds: float = 60) -> None:
        """Runs a step in the sandbox."""
        step = Step(name="build", run=script, timeout=timedelta(seconds=seconds))
        StepRunner(identify, [self.data], timedelta(seconds=0.5)).run(step, self.place, Watch(log=self.log))


@pytest.fixture
def host(folder: Path) -> Host:
    data = folder / "data"
    steps = data / "steps"
    place = Place(
        checkout=steps / "checkout",
        home=steps / "home",
        temporary=steps / "tmp",
        cache=data / "cache",
        environment={},
        limits=StepLimits(output=10_000),
        sandbox="bwrap",
        readable=(steps / "outputs.json",),
    )
    place.checkout.mkdir(parents=True)
    (steps / "outputs.json").write_text("{}")
    (data / "secret").write_text("s3cr3t")
    return Host(data, place, folder / "1.log")


def test_only_its_own_place_is_to_be_seen_and_written(host: Host) -> None:
    secret, outputs = host.data / "secret", host.place.readable[0]
    host.run(
        f"test ! -e {secret}\n"
        f"test {{}} = $(cat {outputs})\n"
        f"! echo x 2>/dev/null > {outputs}\n"
        "! touch /etc/envmgr-sandbox 2>/dev/null\n"
        f'test -z "$(ls -A {host.data} | grep -v -e steps -e cache)"\n'
        'for folder in . "$HOME" "$TMPDIR" "$XDG_CACHE_HOME" /tmp; do touch "$folder/written"; done\n'
        "test $(ls -d /proc/[0-9]* | wc -l) -lt 10\n"
    )
    for folder in (host.place.checkout, host.place.home, host.place.temporary, host.place.cache):
        assert (folder / "written").exists()
    assert not Path("/tmp/written").exists()
    assert outputs.read_text() == "{}"


def test_without_it_the_same_step_sees_all(host: Host) -> None:
    host.place = replace(host.place, sandbox="none")
    host.run(f"test s3cr3t = $(cat {host.data / 'secret'})")


def test_nothing_outlives_its_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what took a session of its own, which the group does not reach."""
    beat = host.place.checkout / "beat"
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (120 if beat.exists() else 0))
    monkeypatch.setattr("envmgr.host.children.child.time", clock)
    with pytest.raises(StepFailed, match="took longer than 2m"):
        host.run(f"setsid sh -c 'while :; do date +%s%N > {beat}; sleep 0.05; done' & sleep 600", seconds=120)
    last = beat.read_text()
    assert not _changes(beat, last)


def _changes(file: Path, last: str) -> bool:
    """Whether somebody still writes the file: looked at for many times as long as between two writes."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        if file.read_text() != last:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", ["bwrap", "none"])
def test_the_whole_of_envmgr_runs_steps_so(engine: Engine, kind: str) -> None:
    """Outputs are at hand; the organization's file, the database and the state only without a sandbox."""
    engine.settings["sandbox"] = kind
    state = engine.folder / "state"
    script = f"test -s $ENVMGR_OUTPUTS; find {engine.data} {engine.config} {state} -type f -size +0 > told"
    engine.repository(deploy=[{"name": "app", "run": script}]).commit("env-alice", code())
    engine.turn()
    [told] = engine.data.rglob("told")
    seen = {Path(line) for line in told.read_text().splitlines()}
    assert {path.name for path in seen} >= {"main.tf", "outputs.json"}
    others = {path for path in seen if told.parents[1] not in path.parents}
    assert bool(others) == (kind == "none")
    assert (engine.config in others) == any(state in path.parents for path in others) == (kind == "none")


def test_doctor_tries_it_where_an_organization_wants_it(engine: Engine) -> None:
    engine.repository()
    assert "sandbox acme" not in {finding.check for finding in of_organizations(engine.application)}
    engine.settings["sandbox"] = "bwrap"
    engine.restart()
    found = {finding.check: finding for finding in of_organizations(engine.application)}
    assert found["sandbox acme"].ok
    assert found["sandbox acme"].message.startswith("bubblewrap ")
