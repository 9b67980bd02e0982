"""Every verb as a shell starts it: a process that has imported nothing. The other tests fork theirs."""

import shutil
import signal
from pathlib import Path

import pytest
from click import Context

from envmgr.cli.program import program
from tests.support.waiting import wait_for

from .world import World

pytestmark = pytest.mark.usefixtures("terraform_binary")

# What is typed where alice is ready, and how it ends: some get only as far as refusing, which is far enough.
TYPED = {
    "config check": 0,
    "config schema": 0,
    "doctor": 0,
    "reconcile --json": 0,
    "serve": 1,
    "token create ci --role viewer": 0,
    "token list": 0,
    "hosts list": 0,
    "hosts drain nobody": 1,
    "hosts forget nobody": 1,
    "versions list": 0,
    "versions install 1.11.4": 1,
    "versions remove 1.11.4": 1,
    "list": 0,
    "show alice": 0,
    "output alice": 0,
    "events": 0,
    "history": 0,
    "logs alice": 0,
    "plan alice": 0,
    "drift": 0,
    "audit": 0,
    "apply alice --yes": 0,
    "extend alice 2h": 1,
    "rollback alice --to previous --yes": 0,
    "promote alice --to bob --yes": 2,
    "reject alice": 1,
    "freeze acme --reason audit": 0,
    "thaw acme": 1,
    "suspend alice": 0,
    "resume alice": 1,
    "approve alice --yes": 1,
    "cancel alice": 1,
    "unlock alice": 0,
    "move-state acme --yes": 0,
    "adopt alice --yes --state data/state/acme/shop/alice/terraform.tfstate": 1,
    "destroy alice --yes": 0,
    "migrate --to sqlite:///other.db": 0,
}
ELSEWHERE = {"demo"}  # test_demo starts it so


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> World:
    """With an environment that is ready, and was with another commit before."""
    world = World.create(tmp_path_factory.mktemp("program") / "world")
    for version in ("first", "second"):
        world.branch("env-alice", {"note.txt": version})
        world.ok("reconcile")
    shutil.copytree(world.folder, as_it_was(world), symlinks=True)
    return world


def as_it_was(world: World) -> Path:
    """Where the world is kept as it was before anything was typed in it."""
    return world.folder.with_name("as-it-was")


@pytest.fixture
def world(ready: World) -> World:
    """The same at the same place, whatever was typed in it before: to make it takes seconds, to copy it none."""
    shutil.rmtree(ready.folder)
    shutil.copytree(as_it_was(ready), ready.folder, symlinks=True)
    return ready


@pytest.mark.parametrize("typed", TYPED)
def test_a_verb_needs_nothing_that_only_another_has_imported(world: World, typed: str) -> None:
    """It does what it is for, or refuses for its own reason."""
    said = world.anew(*typed.split())
    assert said.code == TYPED[typed], said


def test_the_daemon_starts_and_ends(world: World) -> None:
    """It does what is due."""
    world.branch("env-bob")
    with world.start("daemon") as daemon:
        try:
            wait_for(lambda: len(world("list", "--json").document) == 2)
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0


def test_no_verb_is_left_out() -> None:
    """Each is typed here at least once."""
    known = set(program.list_commands(Context(program)))
    assert {typed.split()[0] for typed in TYPED} | ELSEWHERE | {"daemon"} == known
