"""Terraform and steps in a cage, by the whole of envmgr: what works without one works in it."""

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.processes import identify, is_alive
from envmgr.adapters.steps.runner import StepRunner
from envmgr.adapters.terraform import session
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.commands.doctor import of_organizations
from envmgr.domain.errors import Interrupted, NeedsPerson, StepFailed
from envmgr.domain.rules.cage import confine
from envmgr.domain.values.cage import Cage, CageLimits, CageRules, Ground, Network, Purpose, Reach
from envmgr.domain.values.environment import ProcessId, RunKind, RunStatus, Status
from envmgr.domain.values.step import Step
from envmgr.host.cage import bubblewrap, trial
from envmgr.host.cage.bubblewrap import caged, require
from envmgr.host.children.child import Cause, Ended, Start, Supervision, attend, run
from envmgr.ports import Place, StepLimits, Watch, Workspace
from tests.integration.attack_rows import Row, tries
from tests.support import warm
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

CAGE = {"kind": "bwrap", "network": "none"}
RULES = CageRules(kind="bwrap", network=Network(reach=Reach.NOTHING))
# A resource that is being made until a file of its own says so, and a provisioner that tells what it sees.
CODE = """
resource "terraform_data" "mark" {
  provisioner "local-exec" {
    command = "cd $TF_DATA_DIR; echo made >> marks; while test -e slow; do sleep 0.1; done; echo whole >> marks"
  }
}
output "url" { value = "http://alice.example.com" }
"""


pytestmark = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture
def engine(folder: Path, terraform_binary: str) -> Iterator[Engine]:
    """An engine whose every run is caged, with nothing around Terraform."""
    made = Engine(folder, cage=CAGE)
    made.settings["terraform"] = {"binary": terraform_binary}
    yield made
    made.close()


def test_from_push_to_verified_end(engine: Engine) -> None:
    """Init, plan, show, check, apply, deploy, health, drift, destroy."""
    reads = 'grep -q resource_changes "$ENVMGR_PLAN"; grep -q terraform_data "$ENVMGR_TERRAFORM"/*.tf'
    for_all = (
        "for each in /etc/envmgr-was-here $ENVMGR_PLAN; do if touch $each 2>/dev/null; then exit 1; fi; done"
    )
    confined = f"test ! -e /var/tmp/*/acme.yaml; {for_all}"
    shop = engine.repository(
        checks=[{"name": "caged", "run": f"{reads}; {confined}; echo looked"}],
        deploy=[
            {"name": "app", "run": "test -s $ENVMGR_OUTPUTS; test ! -e /var/tmp/*/acme.yaml; echo deployed"}
        ],
        on_destroy=[{"name": "drain", "run": "echo drained > $XDG_CACHE_HOME/drained"}],
        health={"run": "test -e README.md"},
    )
    shop.commit("env-alice", {**code(), "README.md": "x"})
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.url) == (Status.READY, "http://alice.example.com"), alice.message
    shop.commit("env-alice", {**code(module=CODE.replace("test -e slow", "false")), "README.md": "x"})
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    shop.delete("env-alice")
    engine.turn(2, minutes=6)
    engine.turn()
    assert engine.statuses() == {"alice": "destroyed"}
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
    checks = [run for run in engine.runs() if run.kind is RunKind.CHECK]
    assert [run.message for run in checks] == ["Check caged found nothing."] * len(checks)
    assert checks


def test_a_provisioner_sees_nothing_of_others(engine: Engine) -> None:
    """Neither the configuration, nor another environment's state and workspace, nor the database."""
    spy = (
        f"find {engine.folder} -type f > $TF_DATA_DIR/seen\n"
        "cat /proc/[0-9]*/environ | tr '\\0' '\\n' > $TF_DATA_DIR/environs\n"
    )
    module = CODE.replace("cd $TF_DATA_DIR;", "sh spy.sh; cd $TF_DATA_DIR;")
    shop = engine.repository()
    shop.commit("env-bob", code())
    engine.turn()
    shop.commit("env-alice", code({"terraform/spy.sh": spy}, module=module))
    engine.turn()
    assert engine.statuses() == {"alice": "ready", "bob": "ready"}, engine.environment("alice").message
    [seen] = engine.data.rglob("seen")
    paths = {Path(line).relative_to(engine.folder).as_posix() for line in seen.read_text().splitlines()}
    assert any(path.endswith("main.tf") for path in paths)
    own = ("workspaces/acme/shop/alice/", "cache/organizations/acme/", "tmp/")
    allowed = ("state/acme/shop/alice/", *(f"data/{path}" for path in own))
    assert not [path for path in paths if not path.startswith(allowed)]
    [environs] = engine.data.rglob("environs")
    assert "ENVMGR_RUN_LOG" in environs.read_text()
    assert "PYTEST_CURRENT_TEST" not in environs.read_text()


@tries(Row.LINKS)
def test_a_state_that_is_a_link_to_anothers_is_not_followed(engine: Engine) -> None:
    """Else the branch would be given what the other's outputs are, which it cannot read itself."""
    secret = 'output "password" {\n  value = "hunter2-of-bob"\n  sensitive = true\n}\n'
    shop = engine.repository(deploy=[{"name": "app", "run": "cat $ENVMGR_OUTPUTS > told"}])
    shop.commit("env-bob", code(module=CODE.replace("test -e slow", "false") + secret))
    engine.turn()
    swap = f"ln -sf {engine.state('bob')} {engine.state('alice')}"
    shop.commit("env-alice", code(module=CODE.replace("test -e slow", "false").replace("echo made", swap)))
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "is a link or no plain file" in alice.message
    told = [path.read_text() for path in engine.data.rglob("alice/steps/checkout/told")]
    assert not any("hunter2" in text for text in told)


def test_an_apply_that_outlives_its_process_is_adopted(engine: Engine) -> None:
    """The process in front of the cage is the run's child; its Terraform ends in peace, once, with its state written."""
    marks, slow = _slow(engine)
    process = _pass(engine)
    wait_for(marks.exists)
    process.kill()
    process.wait()
    run = engine.runs()[-1]
    assert run.child is not None
    assert is_alive(run.child)
    note = json.loads(engine.state("alice").with_name(".terraform.tfstate.lock.info").read_text())
    records = engine.application.services.layout.records
    assert note["Who"] == f"envmgr-{records}-{run.id}@{socket.gethostname()}", (
        "by that our own locks are known again"
    )
    following = threading.Thread(target=engine.turn, kwargs={"seconds": 30})
    following.start()
    wait_for(lambda: "adopted" in engine.actions("alice"))
    slow.unlink()
    following.join(60)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert marks.read_text().split() == ["made", "whole"]
    assert [run.status for run in engine.runs(RunKind.APPLY)] == [RunStatus.SUCCEEDED] * 2


def test_an_adopted_apply_that_is_to_stop_stops(engine: Engine) -> None:
    """Only what is in the cage heeds SIGINT: it is sent there, and Terraform writes its state before it ends."""
    marks, slow = _slow(engine)
    process = _pass(engine)
    wait_for(marks.exists)
    process.kill()
    process.wait()
    child = engine.runs()[-1].child
    assert child is not None
    supervision = Supervision(
        timeout=timedelta(minutes=1),
        patience=timedelta(minutes=1),
        started=lambda _: None,
        stop=lambda: True,
        tick=lambda: False,
    )
    began = time.monotonic()
    assert attend(child.pid, lambda pid: identify(pid, child.machine) == child, supervision) is Cause.STOPPED
    assert time.monotonic() - began < 30
    assert "terraform_data" in engine.state("alice").read_text()
    slow.unlink()
    engine.turn(seconds=30)
    assert re.search("signal: (interrupt|killed)", engine.runs()[1].message)


def test_an_apply_that_is_drained_writes_its_state(place: Place, folder: Path, terraform_binary: str) -> None:
    """SIGINT reaches Terraform alone, and what is in front of it waits for its end."""
    (place.checkout / "main.tf").write_text('resource "terraform_data" "made" {}\n' + CODE)
    workspace = _workspace(place, folder, terraform_binary)
    adapter = TerraformCommands(folder / "cache", identify)
    planned = adapter.plan(workspace, folder / "plan", Watch(log=folder / "1.log"))
    (folder / "data/slow").touch()
    watch = Watch(log=folder / "1.log", stop=(folder / "data/marks").exists)
    with pytest.raises(Interrupted):
        adapter.apply(workspace, planned.file, watch)
    assert '"name": "made"' in (folder / "state/terraform.tfstate").read_text()


def test_killing_the_process_in_front_kills_all(engine: Engine) -> None:
    """So that its death proves that nothing of the run works on."""
    marks, slow = _slow(engine)
    process = _pass(engine)
    wait_for(marks.exists)
    run = engine.runs()[-1]
    assert run.child is not None
    os.kill(run.child.pid, signal.SIGKILL)
    process.wait(60)
    slow.unlink()
    time.sleep(0.5)
    assert marks.read_text().split() == ["made"]


def _slow(engine: Engine) -> tuple[Path, Path]:
    """A branch whose apply takes as long as a file is there; its marks, and that file."""
    shop = engine.repository()
    shop.commit("env-alice", code())
    engine.turn()
    data = engine.data / "workspaces/acme/shop/alice/terraform"
    (data / "slow").touch()
    shop.commit("env-alice", code(module=CODE))
    engine.close()
    return data / "marks", data / "slow"


def _pass(engine: Engine) -> warm.Process:
    engine.write()
    arguments = [str(engine.config), str(engine.data), "during", "0"]
    with (engine.folder / "log").open("ab") as log:
        return warm.start("tests.integration.killed_process", arguments, stdout=log, stderr=log)


@pytest.fixture
def place(folder: Path) -> Place:
    made = Place(
        checkout=folder / "steps/checkout",
        home=folder / "steps/home",
        temporary=folder / "steps/tmp",
        cache=folder / "cache",
        environment={},
        limits=StepLimits(output=10_000),
        cage=RULES,
    )
    made.checkout.mkdir(parents=True)
    return made


def _workspace(
    place: Place, folder: Path, binary: str, environment: Mapping[str, str] | None = None
) -> Workspace:
    """The Terraform of that place."""
    return Workspace(
        root=place.checkout,
        data=folder / "data",
        binary=binary,
        backend=("local", {"path": str(folder / "state/terraform.tfstate")}),
        variables={},
        environment=environment or {},
        cage=RULES,
    )


def test_a_step_that_is_stopped_may_end_in_peace(place: Place, folder: Path) -> None:
    """SIGTERM reaches what is in the cage, and it alone decides when it ends."""
    step = Step(
        name="app",
        run="trap 'sleep 0.5; echo in-peace > end; exit 3' TERM; echo > begun; while :; do sleep 0.1; done",
        timeout=timedelta(minutes=1),
    )
    children: list[ProcessId] = []
    watch = Watch(log=folder / "1.log", started=children.append, stop=(place.checkout / "begun").exists)
    with pytest.raises(Interrupted):
        StepRunner(identify).run(step, place, watch)
    assert (place.checkout / "end").read_text() == "in-peace\n"
    assert is_alive(children[0]) is False


@pytest.mark.parametrize("outlive", [False, True])
def test_a_server_serves_on_only_where_that_is_said(place: Place, folder: Path, outlive: bool) -> None:
    """It sees no more than the step that left it, and ends by a file of its own."""
    (place.checkout / "serve").touch()
    run = "setsid sh -c 'while test -e serve; do date +%s%N > beat; sleep 0.05; done; touch over' >/dev/null 2>&1 &\nuntil test -e beat; do sleep 0.05; done"
    step = Step(name="start", run=run, timeout=timedelta(minutes=1))
    StepRunner(identify).run(
        step, replace(place, cage=replace(RULES, outlive=outlive)), Watch(log=folder / "1.log")
    )
    beat = place.checkout / "beat"
    if outlive:
        beat.unlink()
        wait_for(beat.exists)
        (place.checkout / "serve").unlink()
        wait_for((place.checkout / "over").exists)
    else:
        last = beat.read_text()
        time.sleep(0.5)
        assert beat.read_text() == last


@tries(Row.LIMITS)
@pytest.mark.parametrize(
    ("run", "limits", "sentence"),
    [
        ("exit 5", CageLimits(), r"exit 5"),
        ("kill -9 $$", CageLimits(), "killed by SIGKILL"),
        ("head -c 20000 /dev/zero | tr '\\0' x; sleep 600", CageLimits(), "printed more than 10000 bytes"),
        (
            "sleep 600",
            CageLimits(time=timedelta(seconds=1)),
            "reached the 1s that cage.time gives a whole run",
        ),
        ("while :; do :; done", CageLimits(cpu_seconds=1), "used up its 1 s of CPU time"),
        (
            "perl -e '$x = q(x) x 200_000_000'",
            CageLimits(memory=64 * 1024**2),
            "its memory is limited to 64 MiB",
        ),
    ],
)
def test_how_a_step_ended_is_told(
    place: Place, folder: Path, run: str, limits: CageLimits, sentence: str
) -> None:
    """Also which limit it met."""
    place = replace(place, cage=replace(RULES, limits=limits))
    step = Step(name="app", run=run, timeout=timedelta(minutes=1))
    with pytest.raises(StepFailed, match=sentence):
        StepRunner(identify, patience=timedelta(seconds=1)).run(step, place, Watch(log=folder / "1.log"))


def test_where_the_cage_cannot_be_made_nothing_runs(
    place: Place, folder: Path, terraform_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require.cache_clear()
    monkeypatch.setattr(bubblewrap, "PROGRAM", "bwrap-that-is-not-there")
    step = Step(name="app", run="touch ran", timeout=timedelta(minutes=1))
    with pytest.raises(
        NeedsPerson,
        match=r"cannot be made on this host: bwrap-that-is-not-there is not installed. Nothing runs",
    ):
        StepRunner(identify).run(step, place, Watch(log=folder / "1.log"))
    assert not (place.checkout / "ran").exists()
    (place.checkout / "main.tf").write_text("")
    workspace = _workspace(place, folder, terraform_binary)
    with pytest.raises(NeedsPerson, match="Nothing runs"):
        TerraformCommands(folder / "cache", identify).plan(
            workspace, folder / "plan", Watch(log=folder / "2.log")
        )
    assert not (folder / "data/terraform.tfstate").exists()
    require.cache_clear()


@pytest.mark.parametrize("purpose", Purpose)
def test_no_kind_of_child_is_started_where_the_cage_cannot_be_made(
    folder: Path, purpose: Purpose, monkeypatch: pytest.MonkeyPatch
) -> None:
    require.cache_clear()
    monkeypatch.setattr(bubblewrap, "PROGRAM", "bwrap-that-is-not-there")
    start = Start(argv=("true",), folder=folder, environment={}, output=1, errors=2)
    cage = confine(purpose, RULES, Ground(code=str(folder)), CageLimits())
    with pytest.raises(NeedsPerson, match="Nothing runs"), caged(start, cage, folder / "1.log"):
        pytest.fail("this would be started")
    require.cache_clear()


@tries(Row.CALLS)
def test_the_kernels_settings_are_read_only_also_for_root(place: Place, folder: Path) -> None:
    """Whose name alone opens them; what a test writes there is what was there before."""
    script = "for name in core_pattern hostname; do (cat /proc/sys/kernel/$name > /tmp/$name; cat /tmp/$name > /proc/sys/kernel/$name) 2>/dev/null && echo changed; done; chmod 0555 /proc && echo changed; true"
    step = Step(name="app", run=script, timeout=timedelta(minutes=1))
    StepRunner(identify).run(step, replace(place, cage=RULES), Watch(log=folder / "1.log"))
    said = (folder / "1.log").read_text()
    assert "changed" not in said
    assert "Read-only file system" in said or "not permitted" in said


def test_doctor_tries_it(engine: Engine) -> None:
    engine.repository()
    found = {finding.check: finding for finding in of_organizations(engine.application)}
    assert found["cage acme"].ok, found["cage acme"].message
    assert found["cage acme"].message.startswith("bubblewrap ")
    assert "no network, no namespaces" in found["cage acme"].message
    engine.settings["cage"] = {"kind": "bwrap"}
    engine.restart()
    found = {finding.check: finding for finding in of_organizations(engine.application)}
    assert found["cage acme"].ok, found["cage acme"].message
    assert "by the proxy, which refuses a private address" in found["cage acme"].message
    assert "disk and time hold for a whole run" in found["limits"].message
    assert "/tmp, /var/tmp and /dev/shm take up to 1GiB each" in found["limits"].message


def test_doctor_says_what_a_cage_should_not_have(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers that it may write to; the records, the states and the providers of others; or no providers at all."""
    engine.repository()
    engine.restart()
    data = engine.data
    providers, others = (data / "cache/organizations" / name / "packages" for name in ("acme", "umbra"))
    state = data / "state/acme"
    for made in (others, state):
        made.mkdir(parents=True)

    def said(seen: Sequence[Path], written: Sequence[Path] = ()) -> str:
        def opened(*given: Any) -> Cage:
            cage = confine(*given)
            kept = (path for path in cage.sees if path != str(providers))
            sees, writes = (*kept, *map(str, seen)), (*cage.writes, *map(str, written))
            return replace(cage, sees=sees, writes=writes)

        monkeypatch.setattr(trial, "confine", opened)
        found = {finding.check: finding for finding in of_organizations(engine.application)}["cage acme"]
        assert not found.ok
        assert found.message.startswith("The cage does not hold on this host (")
        return found.message.partition("(")[2].partition(")")[0]

    assert said([], [providers]) == "it may write to the organization's providers"
    assert list(providers.iterdir()) == []
    assert said([]) == "it does not see the organization's providers"
    for path, seen in {
        others: others.parent,
        state: state.parent,
        (records := data / "envmgr.db"): records,
    }.items():
        assert said([providers, path]) == f"it sees {seen}"


@pytest.mark.parametrize("has_own_ipc", [True, False])
def test_doctor_says_where_a_cage_does_without_an_ipc_namespace(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, has_own_ipc: bool
) -> None:
    """And tries that nothing of others is had then."""
    monkeypatch.setattr(bubblewrap, "has_own_ipc", lambda: has_own_ipc)
    engine.repository()
    found = {finding.check: finding for finding in of_organizations(engine.application)}
    assert found["cage acme"].ok, found["cage acme"].message
    assert ("no IPC namespace here" in found["cage acme"].message) == (not has_own_ipc)


def test_what_only_shows_is_given_no_credentials(
    place: Place, folder: Path, terraform_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What plans and applies is: its provisioner has them. And nothing but `init` can ask a registry."""
    given: dict[str, tuple[bool, str]] = {}

    def noted(start: Start, supervision: Supervision) -> Ended:
        descriptors = [os.pread(number, 100_000, 0) for number in start.keep_open]
        inside = next(text for text in descriptors if b"--clearenv" in text).split(b"\0")
        command = next(word for word in ("init", "plan", "show", "apply") if word in start.argv)
        settings = Path(inside[inside.index(b"TF_CLI_CONFIG_FILE") + 1].decode()).name
        given[command] = (b"SECRET_TOKEN" in inside, settings)
        assert not any("hush" in text for text in (*start.argv, *start.environment.values()))
        return run(start, supervision)

    monkeypatch.setattr(session, "run", noted)
    (place.checkout / "main.tf").write_text(
        CODE.replace("cd $TF_DATA_DIR;", "test -n $SECRET_TOKEN; cd $TF_DATA_DIR;")
    )
    secrets = {"SECRET_TOKEN": "hush-hush-word", "TF_AWS_DEFAULT_TAGS_managed-by": "envmgr"}
    workspace = _workspace(place, folder, terraform_binary, secrets)
    adapter, watch = TerraformCommands(folder / "cache", identify), Watch(log=folder / "1.log")
    planned = adapter.plan(workspace, folder / "plan", watch)
    adapter.show(workspace, planned.file)
    adapter.apply(workspace, planned.file, watch)
    bare = "bare.rc"
    assert given == {
        "init": (True, "terraform.rc"),
        "plan": (True, bare),
        "show": (False, bare),
        "apply": (True, bare),
    }


def test_variables_of_any_name_arrive(place: Place, folder: Path) -> None:
    """A shell in between would pass on only those with names that it could have given."""
    place = replace(place, environment={"TF_AWS_DEFAULT_TAGS_managed-by": "envmgr"})
    step = Step(name="app", run=("env",), timeout=timedelta(minutes=1))
    StepRunner(identify).run(step, place, Watch(log=folder / "1.log"))
    assert "TF_AWS_DEFAULT_TAGS_managed-by=envmgr" in (folder / "1.log").read_text()
