"""What an apply made and could not write to its state is known to the next host, whatever becomes of this one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from envmgr.commands import operations
from envmgr.domain.documents.seal import Seal
from envmgr.domain.errors import LeaseLost, Transient
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.services import Services
from envmgr.engine.work import left_states
from envmgr.ports.hosts import LeftState
from tests.support.in_memory.daemon import Daemon

from .test_hosts import Two

if TYPE_CHECKING:
    from envmgr.ports import Workspace

ALICE = EnvironmentId("acme", "shop", "alice")


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Two hosts, of which the first has made what its state does not know."""
    made = Two(tmp_path)
    made.serve()
    made.world.push("alice")
    made.world.place.is_full = True
    made.first.turn()
    assert made.world.status("alice") is Status.FAILED
    assert len(made.world.in_cloud("alice")) == 1
    return made


def file_of(daemon: Daemon) -> Path:
    """Where Terraform leaves such a state."""
    return daemon.application.services.layout.terraform_data(ALICE) / "errored.tfstate"


def go_on(two: Two, daemon: Daemon) -> None:
    """The place has room again, and a host has its turn."""
    two.world.place.is_full = False
    for _ in range(2):
        two.world.forward(hours=2)
        for each in (two.first, two.second):
            each.application.services.fleet.beat()
        daemon.turn()


def test_another_host_pushes_it_before_anything_else(two: Two) -> None:
    """Nothing is made twice, though the disk of the host that made it is gone."""
    shutil.rmtree(two.first.application.services.layout.root)

    go_on(two, two.second)

    assert two.world.status("alice") is Status.READY, two.world.environment("alice").message
    assert len(two.world.in_cloud("alice")) == 1
    actions = two.world.actions("alice")
    assert actions.count("state-put-away") == 1
    assert actions.count("state-recovered") == 1
    assert two.world.store.left_states.kept == {}
    two.world.check()


def test_its_own_host_does_so_no_less(two: Two) -> None:
    go_on(two, two.first)
    assert two.world.status("alice") is Status.READY, two.world.environment("alice").message
    assert len(two.world.in_cloud("alice")) == 1
    assert two.world.store.left_states.kept == {}


def test_the_database_shows_nothing_of_it(two: Two) -> None:
    """It is encrypted, and by another environment's name, or another key, it is not to be had."""
    found = two.world.store.left_states.get(ALICE)
    assert found is not None
    for secret in ("lineage", "aws_", "alice"):
        assert secret not in found.content


@pytest.mark.parametrize(
    "alter",
    [
        lambda left: replace(left, content=left.content[:-8] + "AAAAAAA="),
        lambda left: replace(left, content="?"),
        lambda left: replace(left, content=""),
    ],
)
def test_what_was_altered_is_not_pushed_and_nothing_else_is_done(
    two: Two, alter: Callable[[LeftState], LeftState]
) -> None:
    left = two.world.store.left_states
    left.kept[ALICE] = alter(left.kept[ALICE])
    go_on(two, two.second)
    assert two.world.environment("alice").status in (Status.FAILED, Status.WAITING)
    assert "was encrypted by another key" in two.world.environment("alice").message
    assert len(two.world.in_cloud("alice")) == 1


def test_a_host_with_another_key_does_nothing_there(two: Two) -> None:
    with_key(two.second.application.services, b"another")
    go_on(two, two.second)
    assert "give all hosts the same daemon.bundle_key" in two.world.environment("alice").message
    assert len(two.world.in_cloud("alice")) == 1


def with_key(services: Services, key: bytes) -> None:
    """From now on a host seals with this key."""
    object.__setattr__(services, "seal", Seal(key * 8))


def test_a_person_may_take_it_away(two: Two) -> None:
    """Where it must not be pushed it is in a working folder, and goes from everywhere with that file."""
    two.world.place.is_full = False
    two.world.terraform.push_errored_state = _refuses  # type: ignore[assignment,method-assign]
    for _ in range(2):
        two.world.forward(hours=2)
        two.first.application.services.fleet.beat()
        two.first.turn()
    assert json.loads(file_of(two.first).read_text())["resources"]
    assert two.world.store.left_states.kept[ALICE].host == two.first.application.services.owner.machine
    file_of(two.first).unlink()

    two.world.forward(hours=4)
    two.first.application.services.fleet.beat()
    two.first.turn()

    assert two.world.store.left_states.kept == {}
    assert "state-taken-by-hand" in two.world.actions("alice")


def test_who_has_the_lease_no_more_forgets_nothing(two: Two) -> None:
    """Another host may have it by then, and have brought what was left to its own working folder."""
    services, kept = two.first.application.services, two.world.store.left_states.kept
    two.world.store.left_states.brought_to(kept[ALICE], services.owner.machine)
    with services.leases.hold(ALICE, "apply") as lease:
        pass
    file_of(two.first).unlink(missing_ok=True)
    workspace = cast("Workspace", SimpleNamespace(data=file_of(two.first).parent))
    with pytest.raises(LeaseLost):
        left_states.bring_back(services, lease, workspace, lambda: None)
    assert ALICE in kept
    assert "state-taken-by-hand" not in two.world.actions("alice")


def _refuses(*_: object) -> bool:
    raise Transient("The backend takes nothing.")


def test_where_no_other_host_can_be_it_stays_in_the_working_folder(tmp_path: Path) -> None:
    two = Two(tmp_path)
    two.first.application.services.fleet._fences = False
    two.world.push("alice")
    two.world.place.is_full = True
    two.first.turn()
    assert file_of(two.first).exists()
    assert two.world.store.left_states.kept == {}


def test_what_another_host_has_pushed_is_not_left_here(two: Two) -> None:
    """It stayed here since it could not be pushed; by now it is older than the state, and would be in doubt for ever."""
    refuses, push = _refuses, two.world.terraform.push_errored_state
    two.world.terraform.push_errored_state = refuses  # type: ignore[assignment,method-assign]
    two.world.place.is_full = False
    two.world.forward(hours=2)
    two.first.application.services.fleet.beat()
    two.first.turn()
    two.world.terraform.push_errored_state = push  # type: ignore[method-assign]
    assert file_of(two.first).exists()
    go_on(two, two.second)
    assert two.world.status("alice") is Status.READY, two.world.environment("alice").message

    operations.apply(two.first.application, two.world.environment("alice"), lambda *_: True)

    assert not file_of(two.first).exists()
    assert two.world.status("alice") is Status.READY, two.world.environment("alice").message
    two.world.check()


def test_what_was_left_by_a_host_that_died_is_known_once_it_cannot_be_pushed(tmp_path: Path) -> None:
    """It is in that host's working folder alone until somebody tries to push it."""
    two = Two(tmp_path)
    two.serve()
    two.world.push("alice")
    two.first.turn()
    file_of(two.first).parent.mkdir(parents=True)
    file_of(two.first).write_text("what a Terraform left that outlived its envmgr")
    two.world.terraform.push_errored_state = _refuses  # type: ignore[assignment,method-assign]
    with pytest.raises(Transient):
        operations.apply(two.first.application, two.world.environment("alice"), lambda *_: True)

    found = two.world.store.left_states.get(ALICE)
    assert found is not None
    assert found.host == two.first.application.services.owner.machine
    assert file_of(two.first).exists()


def test_it_is_not_lost_with_the_database(two: Two) -> None:
    """It is in the working folder as well: that no database has it does not say that anybody pushed it."""
    two.world.store.left_states.kept.clear()
    go_on(two, two.first)
    assert two.world.status("alice") is Status.READY, two.world.environment("alice").message
    assert len(two.world.in_cloud("alice")) == 1
    assert "state-recovered" in two.world.actions("alice")
    two.world.check()
