"""The Terraform adapter with the real Terraform: the life of a workspace, and every way it can go wrong."""

import json
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from envmgr.adapters.processes import identify, is_alive
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.domain.errors import EnvmgrError, Interrupted, NeedsPerson, StalePlan, StateLocked, Transient
from envmgr.domain.values.environment import Changes, Output, ProcessId
from envmgr.ports import PlanResult, Progress, Watch, Workspace
from tests.support.waiting import stopwatch, wait_for

ONE = 'variable "word" { type = string }\nresource "terraform_data" "one" { input = var.word }\n'
OUTPUTS = """
output "word" { value = var.word }
output "secret" {
  value     = "s3cr3t-output"
  sensitive = true
}
"""


def sleeping(seconds: float, mark: Path) -> str:
    """A resource that is being created for a while, and says when it begins."""
    command = f"touch {mark}; sleep {seconds}"
    return f"""
resource "terraform_data" "slow" {{
  provisioner "local-exec" {{ command = "{command}" }}
}}
"""


@dataclass
class Place:
    """One environment's folders and an adapter whose Terraform's starts are counted."""

    folder: Path
    adapter: TerraformCommands
    binary: str
    variables: dict[str, object] = field(default_factory=lambda: {"word": "hello"})
    environment: dict[str, str] = field(default_factory=dict)
    seen: list[Progress] = field(default_factory=list)
    children: list[ProcessId] = field(default_factory=list)
    redact: Callable[[str], str] = lambda text: text
    stop: Callable[[], bool] = lambda: False
    planned: PlanResult | None = None

    def __post_init__(self) -> None:
        """Make the root."""
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def root(self) -> Path:
        """The module's folder."""
        return self.folder / "checkout" / "terraform"

    @property
    def state(self) -> Path:
        """The local backend's file."""
        return self.folder / "terraform.tfstate"

    @property
    def out(self) -> Path:
        """Where the next saved plan goes."""
        return self.folder / "data" / f"plan-{uuid4().hex}"

    @property
    def log(self) -> str:
        """The run's log."""
        return (self.folder / "run.log").read_text()

    @property
    def workspace(self) -> Workspace:
        """The workspace as the port takes it."""
        return Workspace(
            root=self.root,
            data=self.folder / "data",
            binary=self.binary,
            backend=("local", {"path": str(self.state)}),
            variables=self.variables,
            environment=self.environment,
        )

    @property
    def watch(self) -> Watch:
        """A watch that remembers."""
        return Watch(
            log=self.folder / "run.log",
            redact=self.redact,
            progress=self.seen.append,
            started=self.children.append,
            stop=self.stop,
        )

    def code(self, text: str, name: str = "main.tf") -> None:
        """The branch's code."""
        (self.root / name).write_text(text)

    def plan(self, **options: Any) -> Any:
        """Plan."""
        self.planned = self.adapter.plan(self.workspace, self.out, self.watch, **options)
        return self.planned

    def apply(self) -> Mapping[str, Output]:
        """Apply the plan."""
        assert self.planned is not None
        return self.adapter.apply(self.workspace, self.planned.file, self.watch)

    def fails(self, kind: type[EnvmgrError], action: Callable[[], object]) -> str:
        """The sentence of a failure of exactly this kind."""
        with pytest.raises(kind) as caught:
            action()
        assert type(caught.value) is kind, caught.value
        assert len(str(caught.value)) <= 400
        assert str(caught.value) not in {"", "\n"}
        return str(caught.value)

    def calls(self) -> list[str]:
        """The Terraform commands that were started since last asked, `version` included."""
        path = self.folder / "calls"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


Make = Callable[..., Place]


@pytest.fixture
def make(terraform_binary: str, tmp_path: Path) -> Make:
    """Make a place; all share one cache, as the environments of one envmgr do."""

    def place(name: str = "alice", **options: Any) -> Place:
        folder = tmp_path / name
        folder.mkdir()
        wrapper = folder / "terraform"
        wrapper.write_text(f'#!/bin/sh\necho "$1" >>{folder}/calls\nexec {terraform_binary} "$@"\n')
        wrapper.chmod(0o755)
        return Place(folder, TerraformCommands(tmp_path / "cache", identify, **options), str(wrapper))

    return place


def test_lives_from_the_first_apply_to_the_destroy(make: Make) -> None:
    """Create, change, see nothing to do, destroy; with as few processes as there can be."""
    place = make()
    place.code(ONE + OUTPUTS)
    place.adapter.version(place.binary)
    assert place.calls() == ["version"]

    planned = place.plan()
    assert (planned.has_changes, planned.changes) == (True, Changes(1, 0, 0))
    shown = place.adapter.show(place.workspace, planned.file)
    assert [(r.address, r.actions) for r in shown.resources] == [("terraform_data.one", ("create",))]
    assert place.apply() == {"word": Output("hello"), "secret": Output(None, sensitive=True)}
    assert place.calls() == ["init", "plan", "show", "apply"]
    rendered = place.adapter.render(place.workspace, planned.file)
    assert "terraform_data.one will be created" in rendered
    assert "s3cr3t-output" not in rendered
    place.calls()

    assert not place.plan().has_changes
    assert place.calls() == ["plan"]

    place.variables["word"] = "bye"
    assert place.plan().changes == Changes(0, 1, 0)
    assert place.apply()["word"] == Output("bye")
    assert place.calls() == ["plan", "apply"]

    assert place.plan(destroy=True).changes == Changes(0, 0, 1)
    assert place.apply() == {}
    assert json.loads(place.state.read_text())["resources"] == []


def test_tells_what_happens_while_it_happens(make: Make) -> None:
    """Progress, the child's identity and a log that reads like Terraform's own words."""
    place = make()
    place.code(ONE + OUTPUTS)
    place.plan()
    place.apply()
    phases = [(step.phase, step.address, step.action) for step in place.seen]
    assert ("planned_change", "terraform_data.one", "create") in phases
    assert ("apply_complete", "terraform_data.one", "create") in phases
    assert "terraform_data.one: Creating..." in place.log
    assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed." in place.log
    assert 'word = "hello"' in place.log
    assert "s3cr3t-output" not in place.log
    assert len(place.children) == 3
    assert not any(is_alive(child) for child in place.children)
    assert (place.folder / "run.log").stat().st_mode & 0o777 == 0o600


def test_nothing_private_is_left_lying_about(make: Make) -> None:
    """The raw output has no name, the data folder is ours only, and credentials are in neither."""
    place = make()
    place.environment = {"ARM_CLIENT_SECRET": "cr3dential"}
    place.variables["word"] = "v4riable"
    place.code(ONE + OUTPUTS)
    plan = place.plan().file.path
    data = place.folder / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    assert plan.stat().st_mode & 0o777 == 0o400
    kept = {path.name for path in data.rglob("*") if path.is_file()}
    assert kept == {plan.name, "terraform.tfstate", "envmgr-initialised.json"}
    for path in [*data.rglob("*"), *place.root.rglob("*")]:
        if path.is_file():
            assert b"cr3dential" not in path.read_bytes()


def test_secrets_are_redacted_and_never_in_argv(make: Make) -> None:
    """A provisioner that prints a secret, in a running apply that is looked at from outside."""
    place = make()
    place.redact = lambda text: text.replace("t0p-secret", "***")
    place.variables["word"] = "t0p-secret"
    mark = place.folder / "mark"
    place.code(
        ONE
        + f"""
resource "terraform_data" "tell" {{
  provisioner "local-exec" {{
    command     = "echo told $WORD; touch {mark}; until test -e {mark}-seen; do sleep 0.05; done; exit 3"
    environment = {{ WORD = var.word }}
  }}
}}
"""
    )
    place.plan()
    failed: list[str] = []
    thread = threading.Thread(target=lambda: failed.append(place.fails(Transient, place.apply)))
    thread.start()
    wait_for(mark.exists)
    argv = Path(f"/proc/{place.children[-1].pid}/cmdline").read_bytes()
    mark.with_name("mark-seen").touch()
    thread.join()
    assert b"apply" in argv
    assert b"t0p-secret" not in argv
    assert "told ***" in place.log
    assert "t0p-secret" not in place.log
    assert "t0p-secret" not in failed[0]
    assert "exit status 3" in failed[0]
    assert not any("t0p-secret" in step.text for step in place.seen)


def test_passes_on_only_the_organizations_environment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another organization's credentials are called does not matter: nothing but a few names is inherited."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another organization's")
    monkeypatch.setenv("ACME_AWS_SECRET", "ours, by a reference")
    place = make()
    place.environment = {"ARM_TENANT_ID": "tenant", "TF_WORKSPACE": "elsewhere"}
    found = place.folder / "environment"
    place.code(
        f'resource "terraform_data" "e" {{\n  provisioner "local-exec" {{ command = "env >{found}" }}\n}}'
    )
    place.plan()
    place.apply()
    given = dict(line.split("=", 1) for line in found.read_text().splitlines())
    names = set(given)
    assert {"PATH", "ARM_TENANT_ID", "TF_VAR_word", "TF_DATA_DIR"} <= names
    assert not names & {"AWS_SECRET_ACCESS_KEY", "ACME_AWS_SECRET"}
    assert given["TF_WORKSPACE"] == "default"
    assert given["HOME"] == str(place.folder / "data" / "home")
    assert "provider_installation" in Path(given["TF_CLI_CONFIG_FILE"]).read_text()


HOSTILE = [
    "new\nline",
    "quote\" and 'quote'",
    "${path.module} %{ if true }",
    "$${x} %%{y} $$${z}",
    "back\\slash \\b \\u0041 \b\f\x1b\x7f",
    "€ 😀 é",
    "$(touch /tmp/x) `id` ; #",
    "",
    " -var=x ",
]


def test_hostile_values_arrive_as_they_are(make: Make) -> None:
    """As a string, and within lists and maps, where Terraform reads an expression."""
    place = make()
    place.variables = {
        "plain": HOSTILE[0] + HOSTILE[2] + HOSTILE[4],
        "many": HOSTILE,
        "tags": {"a-b": "x", **{text or "empty": text for text in HOSTILE}},
        "deep": [{"n": 1.5, "b": True, "none": None, "list": [1, 2]}],
        "number": 7,
        "flag": False,
        "absent": None,
    }
    place.code("""
variable "plain" { type = string }
variable "many" { type = list(string) }
variable "tags" { type = map(string) }
variable "deep" { type = any }
variable "number" { type = number }
variable "flag" { type = bool }
variable "absent" { default = "default" }
output "all" { value = [var.plain, var.many, var.tags, var.deep, var.number, var.flag, var.absent] }
""")
    place.plan()
    given = place.variables
    assert place.apply()["all"].value == [*list(given.values())[:-1], "default"]


@pytest.mark.parametrize(
    ("code", "kind", "parts"),
    [
        ('variable "color" {}\n', NeedsPerson, ["variable color", "main.tf:1", "variables"]),
        ('resource "terraform_data" "x" {\n  nonsense = 1\n}\n', NeedsPerson, ["main.tf:2", "Unsupported argument"]),
        ('resource "terraform_data" {\n', NeedsPerson, ["main.tf:1", "terraform init failed"]),
        ("output \"x\" {\n  value = local.nothing\n}\n", NeedsPerson, ["main.tf:2", "undeclared local value"]),
        ('terraform {\n  required_version = ">= 99"\n}\n', NeedsPerson, ["main.tf:2", "Unsupported"]),
        (
            'variable "word" {\n  validation {\n    condition     = var.word == "x"\n'
            '    error_message = "word must be x."\n  }\n}\n',
            NeedsPerson,
            ["word must be x."],
        ),
        ('module "m" { source = "./nowhere" }\n', NeedsPerson, ["Unreadable module directory", "nowhere"]),
        ('data "terraform_remote_state" "x" {\n  backend = "local"\n  config = { path = "/nowhere" }\n}\n', Transient, ["main.tf:1"]),
    ],
)  # fmt: skip
def test_says_what_is_wrong_and_where(
    make: Make, code: str, kind: type[EnvmgrError], parts: list[str]
) -> None:
    """Code that no retry mends needs a person; the sentence names file and line."""
    place = make()
    place.code(code)
    sentence = place.fails(kind, place.plan)
    assert all(part in sentence for part in parts), sentence
    assert "Error: " in place.log
    place.code(ONE)
    assert place.plan().has_changes


EMPTY = ["{}", "{\n  # from the command line\n\n  /* really */ // yes\n}"]


@pytest.mark.parametrize("body", EMPTY)
def test_fills_in_an_empty_backend_block(make: Make, body: str) -> None:
    """As NubesGen's code has it; and no second try is needed while the code stays."""
    place = make()
    place.code(f'terraform {{\n  backend "local" {body}\n}}\n{ONE}')
    place.plan()
    place.apply()
    assert place.state.exists()
    place.calls()
    assert not place.plan().has_changes
    assert place.calls() == ["plan"]
    place.code(ONE)
    assert not place.plan().has_changes
    place.code(f'terraform {{\n  backend "local" {body}\n}}\n{ONE}\n# changed')
    assert not place.plan().has_changes


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ('terraform {\n  backend "s3" {}\n}\n', ["main.tf:2", "(s3)", 'backend "local" {}']),
        ('terraform {\n  backend "local" {\n    path = "x"\n  }\n}\n', ["main.tf:2", "(local)"]),
        ('terraform {\n  cloud {\n    organization = "x"\n  }\n}\n', ["main.tf:2", "cloud"]),
        ('terraform {\n  backend "local" {}\n  backend "local" {}\n}\n', ["main.tf:3", "Duplicate backend"]),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_refuses_a_backend_of_the_branchs_own(make: Make, code: str, parts: list[str], later: bool) -> None:
    """It may have a state that must not be hidden; on the first run, and where a push brings it."""
    place = make()
    if later:
        place.code(ONE)
        place.plan()
        place.apply()
    place.code(ONE + code if later else code)
    sentence = place.fails(NeedsPerson, place.plan)
    if later:
        parts = [part.replace("main.tf:3", "main.tf:5").replace("main.tf:2", "main.tf:4") for part in parts]
    assert all(part in sentence for part in parts), sentence


@pytest.mark.parametrize("later", [False, True])
def test_refuses_an_override_of_the_branchs(make: Make, later: bool) -> None:
    """Override files win silently, so what was configured is compared."""
    place = make()
    place.code(ONE)
    if later:
        place.plan()
    place.code('terraform {\n  backend "local" { path = "hidden.tfstate" }\n}\n', "zz_override.tf")
    assert "override" in place.fails(NeedsPerson, place.plan)
    assert "override" in place.fails(NeedsPerson, place.plan)
    assert not (place.root / "hidden.tfstate").exists()


@pytest.mark.parametrize("own", ["", 'terraform {\n  backend "local" {}\n}\n'], ids=["plain", "override"])
def test_refuses_a_setting_more_than_ours(make: Make, own: str) -> None:
    """All that envmgr says is there, and one thing besides: on S3 that was `acl = public-read`."""
    place = make()
    place.code(ONE + own)
    extra = f'path = "{place.state}"\n    workspace_dir = "elsewhere"'
    place.code(f'terraform {{\n  backend "local" {{\n    {extra}\n  }}\n}}\n', "zz_override.tf")
    assert "override" in place.fails(NeedsPerson, place.plan)


def test_a_workspace_that_was_selected_behind_our_back_is_not_used(make: Make) -> None:
    """It would be another state."""
    place = make()
    place.code(ONE)
    place.plan()
    (place.folder / "data" / "environment").write_text("other")
    place.plan()
    place.apply()
    assert place.state.exists()


def test_never_writes_through_a_symlink(make: Make) -> None:
    """Neither to what our names point at in the checkout, nor into a root that is a link."""
    place = make()
    victim = place.folder / "victim"
    victim.write_text("precious")
    place.code(ONE)
    for name in ("envmgr_backend.tf.json", "envmgr_backend_override.tf.json"):
        (place.root / name).symlink_to(victim)
    place.plan()
    assert victim.read_text() == "precious"
    (place.root / ".terraform.lock.hcl").symlink_to(victim)
    assert "lock.hcl" in place.fails(NeedsPerson, place.plan)
    (place.root / ".terraform.lock.hcl").unlink()
    link = place.folder / "link"
    link.symlink_to(place.root)
    workspace = replace(place.workspace, root=link)
    with pytest.raises(NeedsPerson, match="folder of the branch"):
        place.adapter.plan(workspace, place.out, place.watch)


def test_refuses_credentials_as_backend_settings(make: Make) -> None:
    """They would be in files; the sentence names the variable to use."""
    place = make()
    place.code(ONE)
    workspace = replace(place.workspace, backend=("azurerm", {"access_key": "k"}))
    with pytest.raises(NeedsPerson, match="ARM_ACCESS_KEY"):
        place.adapter.plan(workspace, place.out, place.watch)


def test_a_stale_plan_is_refused(make: Make) -> None:
    """Applied once, a plan is of no use any more."""
    place = make()
    place.code(ONE)
    place.plan()
    place.apply()
    place.fails(StalePlan, place.apply)


def test_a_locked_state_says_who_holds_it(make: Make) -> None:
    """While a slow apply runs elsewhere in the same state."""
    place, other = make(), make("other")
    mark = place.folder / "mark"
    place.code(ONE + sleeping(1.5, mark))
    place.plan()
    other.code(ONE)
    workspace = replace(other.workspace, backend=place.workspace.backend)
    thread = threading.Thread(target=place.apply)
    thread.start()
    wait_for(mark.exists)
    with pytest.raises(
        StateLocked, match=r"locked by .+@.+ since .+ \(OperationTypeApply, lock [0-9a-f-]{36}\)"
    ):
        other.adapter.plan(workspace, other.out, other.watch)
    thread.join()


@pytest.mark.parametrize("cause", ["timeout", "stop"])
def test_ends_terraform_politely(make: Make, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SIGINT: the lock is released, what was made is in state, and the next run goes on."""
    seconds = stopwatch()
    place = make(timeout=timedelta(minutes=2))
    mark = place.folder / "mark"
    place.code(ONE + sleeping(60, mark))
    place.plan()
    if cause == "stop":
        place.stop = mark.exists
        sentence = place.fails(Interrupted, place.apply)
        assert "stopped" in sentence
    else:
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (120 if mark.exists() else 0))
        monkeypatch.setattr("envmgr.host.children.child.time", clock)
        sentence = place.fails(Transient, place.apply)
        assert "longer than 2m" in sentence
    assert seconds() < 20
    assert is_alive(place.children[-1]) is False
    place.stop = lambda: False
    place.code(ONE)
    assert place.plan().changes.add == 0


def test_kills_what_ignores_sigint(make: Make, tmp_path: Path) -> None:
    """After the patience, with all its children."""
    place = make(patience=timedelta(seconds=0.3))
    place.code(ONE)
    place.adapter.version(place.binary)
    Path(place.binary).write_text(
        f"#!/bin/sh\ntrap '' INT\necho $$ >{tmp_path}/leader\nsleep 77 &\necho $! >{tmp_path}/child\ntouch {tmp_path}/begun\nwait\nwait\nsleep 77\n"
    )
    place.adapter._versions._ask = lambda *_: "1.11.4"  # type: ignore[method-assign]
    place.stop = (tmp_path / "begun").exists
    assert "was stopped" in place.fails(Interrupted, place.plan)
    for name in ("leader", "child"):
        pid = int((tmp_path / name).read_text())
        wait_for(lambda number=pid: not _lives(number))  # type: ignore[misc]


def _lives(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_callback_that_fails_ends_terraform(make: Make) -> None:
    """A store that refuses to note the child, for instance: nothing runs on unrecorded."""
    place = make()
    place.code(ONE)
    children: list[ProcessId] = []

    def refuse(process: ProcessId) -> None:
        children.append(process)
        raise RuntimeError("not recorded")

    with pytest.raises(RuntimeError, match="not recorded"):
        place.adapter.plan(place.workspace, place.out, replace(place.watch, started=refuse))
    assert is_alive(children[0]) is False


def test_survives_the_death_of_its_parent(make: Make) -> None:
    """SIGKILL of the Python process during an apply: Terraform finishes, writes its state and unlocks."""
    place = make()
    mark = place.folder / "mark"
    place.code(ONE + sleeping(1, mark))
    place.plan()
    pid = os.fork()
    if pid == 0:  # the envmgr that dies
        try:
            place.apply()
        finally:
            os._exit(1)
    wait_for(mark.exists)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 180
    while not place.state.exists() or "terraform_data" not in place.state.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while True:
        try:
            # The next run: it has a log, and so a mark, of its own.
            watch = replace(place.watch, log=place.folder / "next.log")
            assert not place.adapter.plan(place.workspace, place.out, watch).has_changes
            break
        except StateLocked:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_follows_the_code(make: Make) -> None:
    """Local modules that change or move are seen, though `init` runs only where it must."""
    place = make()
    for name, word in (("one", "1"), ("two", "2")):
        (place.root / name).mkdir()
        (place.root / name / "main.tf").write_text(f'output "word" {{ value = "{word}" }}\n')
    call = 'module "m" {{ source = "./{}" }}\noutput "word" {{ value = module.m.word }}\n'
    place.code(call.format("one"))
    place.plan()
    assert place.apply()["word"] == Output("1")
    (place.root / "one" / "main.tf").write_text('output "word" { value = "1b" }\n')
    place.calls()
    place.plan()
    assert place.apply()["word"] == Output("1b")
    assert place.calls() == ["plan", "apply"]
    place.code(call.format("two"))
    place.plan()
    assert place.apply()["word"] == Output("2")
    assert place.calls() == ["plan", "init", "plan", "apply"]


def test_a_moved_backend_and_a_damaged_folder_are_initialised_again(make: Make) -> None:
    """The record is believed only as far as Terraform agrees."""
    place = make()
    place.code(ONE)
    place.plan()
    place.calls()
    moved = replace(place.workspace, backend=("local", {"path": str(place.folder / "moved.tfstate")}))
    place.adapter.plan(moved, place.out, place.watch)
    assert place.calls() == ["init", "plan"]
    (place.folder / "data" / "envmgr-initialised.json").write_text("{")
    place.plan()
    assert place.calls() == ["init", "plan"]
    (place.folder / "data" / "terraform.tfstate").unlink()
    place.plan()
    assert place.calls() == ["init", "plan"]


def test_an_errored_state_is_kept_and_pushed(make: Make) -> None:
    """Where the backend is gone during an apply, nothing is lost; a file of the branch's is no state."""
    place = make()
    gone, back = place.folder / "states", place.folder / "away"
    gone.mkdir()
    workspace = replace(place.workspace, backend=("local", {"path": str(gone / "terraform.tfstate")}))
    place.code(ONE)
    (place.root / "errored.tfstate").write_text("the branch's")
    assert not place.adapter.push_errored_state(workspace, place.watch)
    planned = place.adapter.plan(workspace, place.out, place.watch)
    place.adapter.apply(workspace, planned.file, place.watch)
    state = json.loads((gone / "terraform.tfstate").read_text())
    place.variables["word"] = "other"
    planned = place.adapter.plan(workspace, place.out, place.watch)
    place.adapter.apply(workspace, planned.file, place.watch)
    # What a crash leaves: the note of an apply under way, and Terraform's newer state in the root.
    newer = {**json.loads((gone / "terraform.tfstate").read_text()), "serial": state["serial"] + 9}
    (place.folder / "data" / "envmgr-applying").touch()
    (place.root / "errored.tfstate").write_text(json.dumps(newer))
    assert place.adapter.push_errored_state(workspace, place.watch)
    assert json.loads((gone / "terraform.tfstate").read_text())["serial"] >= newer["serial"]
    assert not (place.root / "errored.tfstate").exists()
    assert not (place.folder / "data" / "errored.tfstate").exists()
    assert not back.exists()
    assert not place.adapter.push_errored_state(workspace, place.watch)


class StateServer(ThreadingHTTPServer):
    """Terraform's `http` backend in memory; while `refuses` it takes no state."""

    def __init__(self) -> None:
        """Listen on a free loopback port."""
        super().__init__(("127.0.0.1", 0), StateRequest)
        self.states: list[bytes] = []
        self.refuses = False


class StateRequest(BaseHTTPRequestHandler):
    """One request of Terraform's."""

    server: StateServer

    def do_GET(self) -> None:  # the server's own naming
        """Give the newest state."""
        self.answer(200 if self.server.states else 404, self.server.states[-1] if self.server.states else b"")

    def do_POST(self) -> None:  # the server's own naming
        """Take a state."""
        text = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refuses:
            self.server.states.append(text)
        self.answer(500 if self.server.refuses else 200, b"")

    def answer(self, code: int, body: bytes) -> None:
        """Answer."""
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the server's own naming
        """Say nothing."""


@pytest.fixture
def state_server() -> Iterator[StateServer]:
    """A backend that can be made to fail."""
    with StateServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_state_that_terraform_could_not_write_is_pushed_first(
    make: Make, state_server: StateServer
) -> None:
    """The backend fails during the apply; the next run pushes what Terraform left, then plans nothing new."""
    place = make()
    settings = {"address": f"http://127.0.0.1:{state_server.server_port}/", "retry_max": 0}
    workspace = replace(place.workspace, backend=("http", settings))
    place.code(ONE)
    planned = place.adapter.plan(workspace, place.out, place.watch)
    state_server.refuses = True
    with pytest.raises(Transient, match="kept and pushed"):
        place.adapter.apply(workspace, planned.file, place.watch)
    kept = place.folder / "data" / "errored.tfstate"
    assert "terraform_data" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Transient, match=r"still kept in .*terraform state push ended"):
        place.adapter.plan(workspace, place.out, place.watch)
    assert kept.exists()
    state_server.refuses = False
    place.calls()
    assert not place.adapter.plan(workspace, place.out, place.watch).has_changes
    assert place.calls() == ["state", "state", "plan"]  # pulled and compared, then pushed
    assert not kept.exists()


def test_unlock_takes_only_ids(make: Make) -> None:
    """Nothing that could be an option reaches the command line; a local lock ends by itself."""
    place = make()
    place.code(ONE)
    with pytest.raises(NeedsPerson, match="is not the ID of a state lock"):
        place.adapter.unlock(place.workspace, "-force", place.watch)
    place.adapter.unlock(place.workspace, "0b2d5bd8-c7c8-7f8b-1f6a-111111111111", place.watch)
    assert place.calls() == []


def test_a_flood_of_output_fills_neither_memory_nor_disk(make: Make, tmp_path: Path) -> None:
    """A stand-in that prints 60 MB: the log ends at its bound, says so, and the result is still read."""
    place = make()
    place.code(ONE)
    place.plan()
    last = json.dumps(
        {"@message": "Outputs: 1", "type": "outputs", "outputs": {"x": {"type": "string", "value": "y"}}}
    )
    Path(place.binary).write_text(
        f'#!/bin/sh\n[ $1 = apply ] || exec terraform "$@"\nyes 0123456789abcdef{"x" * 200} | head -c 60000000\n'
        f"echo\necho '{last}'\n"
    )
    place.adapter._versions._ask = lambda *_: "1.11.4"  # type: ignore[method-assign]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert place.apply() == {"x": Output("y")}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert (place.folder / "run.log").stat().st_size <= 20 * 1024 * 1024 + 1000
    assert "the log is full" in place.log


def test_a_plan_too_large_to_be_read_is_refused_unread(make: Make) -> None:
    """A stand-in shows one of 64 MiB, which is read, and one of a byte more, which is not."""
    place = make()
    place.code(ONE)
    planned = place.plan()
    size = Path(place.binary).with_name("size")
    shown = f"read size < {size}; printf '{{}}'; head -c $((size - 2)) /dev/zero | tr '\\0' ' '"
    Path(place.binary).write_text(f'#!/bin/sh\n[ $1 = show ] || exec terraform "$@"\n{shown}\n')
    place.adapter._versions._ask = lambda *_: "1.11.4"  # type: ignore[method-assign]

    size.write_text(f"{64 * 2**20}\n")
    assert place.adapter.show(place.workspace, planned.file).resources == ()

    size.write_text(f"{64 * 2**20 + 1}\n")
    said = place.fails(NeedsPerson, lambda: place.adapter.show(place.workspace, planned.file))
    assert "terraform show printed 64 MiB, and envmgr reads at most 64 MiB of it" in said


def test_a_plan_whose_process_died_goes_with_its_run(make: Make) -> None:
    """It may hold sensitive values, and where the branch is put back nothing is planned any more."""
    place = make()
    place.code(ONE)
    plan = place.workspace.data / "plan.tfplan"
    plan.parent.mkdir()
    plan.write_text("sensitive")

    place.adapter.adopt(place.workspace, None, place.watch)

    assert not plan.exists()


def test_leaves_nothing_open(make: Make) -> None:
    """After many runs as many threads and descriptors as before."""
    place = make()
    place.code(ONE)
    place.plan()
    before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
    for _ in range(20):
        place.plan()
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before


def test_costs_little_beside_terraform(make: Make, terraform_binary: str) -> None:
    """No polling stands between Terraform's end and ours: a plan of some 50 ms stays one."""
    place = make()
    place.binary = terraform_binary
    place.code(ONE)
    place.plan()
    times = []
    for _ in range(5):
        seconds = stopwatch()
        place.plan()
        times.append(seconds())
    assert min(times) < 1
