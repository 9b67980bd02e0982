"""An errored.tfstate that is torn, of another lineage or older is never pushed over the state: a person decides."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envmgr.domain.values.environment import Status
from tests.integration.outage import Outage
from tests.support.engine import MODULE, Engine, push

MORE = MODULE + 'resource "terraform_data" "more" {}\n'


def changed(state: Path, **changes: object) -> str:
    """The state with other values at its top."""
    return json.dumps({**json.loads(state.read_text()), **changes})


def emptied(state: Path) -> str:
    """What an apply left behind, while somebody else has emptied the state since: Terraform would push it."""
    left = state.read_text()
    state.write_text(changed(state, serial=serial(state) + 3, resources=[], outputs={}))
    return left


def serial(state: Path) -> int:
    """How often it was written."""
    found: dict[str, Any] = json.loads(state.read_text())
    return int(found["serial"])


DOUBTFUL: dict[str, tuple[Callable[[Path], str], str]] = {
    "torn": (lambda state: state.read_text()[:200], "truncated"),
    "no state": (lambda _: '{"format_version": "1.0"}', "not a Terraform state"),
    "other lineage": (
        lambda state: changed(state, lineage="5b6a1c52-0000-0000-0000-000000000000", serial=99),
        "another lineage",
    ),
    "older": (lambda state: changed(state, serial=0), "newer one"),
    "older than an empty one": (emptied, "newer one"),
    "another of the same serial": (lambda state: changed(state, resources=[]), "same serial"),
}


def leave(outage: Outage, text: str) -> None:
    """What a Terraform that died while it wrote leaves: its file in the root, and our note that it applied."""
    workspace = outage.kept.parent.parent
    (workspace / "source/terraform/errored.tfstate").write_text(text)
    (outage.kept.parent / "envmgr-applying").touch()


@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_a_doubtful_state_is_kept_and_shown(engine: Engine, doubt: str) -> None:
    """Neither push nor apply nor destroy, before a person has looked; then all goes on."""
    outage = Outage(engine)
    shop = engine.repositories["shop"]
    push(shop, ["alice"])
    engine.turn()
    make, reason = DOUBTFUL[doubt]
    left = make(engine.state("alice"))
    leave(outage, left)
    before = engine.state("alice").read_bytes()
    outage.commands()
    push(shop, ["alice"], MORE)

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert str(outage.kept) in alice.message
    assert reason in alice.message
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert reason in alice.message
    assert set(outage.commands()) <= {"state pull"}
    assert engine.state("alice").read_bytes() == before
    assert outage.kept.read_text() == left

    outage.kept.unlink()
    engine.turn(hours=2)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_torn_state_that_a_person_mended_is_pushed(engine: Engine) -> None:
    """The person puts the whole file in the torn one's place, and asks for a pass over the environment."""
    outage = Outage(engine)
    push(engine.repositories["shop"], ["alice"])
    engine.turn()
    whole = changed(engine.state("alice"), serial=serial(engine.state("alice")) + 1)
    leave(outage, whole[: len(whole) // 2])
    push(engine.repositories["shop"], ["alice"], MORE)
    engine.turn(seconds=30)
    assert "truncated" in engine.environment("alice").message
    outage.kept.write_text(whole)
    outage.commands()

    application, alice = engine.application, engine.environment("alice")
    application.workers.run_until_settled(application.services.repositories.values(), frozenset({alice.id}))

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert outage.commands() == ["state pull", "state push", "plan", "apply"]
    assert not outage.kept.exists()
