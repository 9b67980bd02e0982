"""A state that is another environment's, put there by hand: real Terraform on real files touches nothing of the other's."""

import json
from pathlib import Path

from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, push

MODULE = """
variable "environment" { type = string }
variable "folder" { type = string }
variable "size" { default = "small" }
resource "terraform_data" "app" {
  input            = "${var.folder}/${var.environment}"
  triggers_replace = var.size
  provisioner "local-exec" { command = "touch ${self.input}" }
  provisioner "local-exec" {
    when    = destroy
    command = "rm ${self.input}"
  }
}
"""


def lists(state: Path) -> int:
    """How many resources a state lists."""
    return len(json.loads(state.read_bytes())["resources"])


def test_a_push_and_an_end_by_anothers_state_change_nothing_of_the_others(engine: Engine) -> None:
    """With no tags to tell them apart: a push replaced the other's resource, and the end of its branch destroyed that."""
    made = engine.folder / "made"
    made.mkdir()
    shop = engine.repository(variables={"folder": str(made)})
    push(shop, ["t3", "t4"], MODULE)
    engine.turn()
    assert engine.statuses() == {"t3": "ready", "t4": "ready"}
    own, others = engine.state("t3").read_bytes(), engine.state("t4").read_bytes()
    claim = engine.environment("t3").claim
    assert claim is not None
    assert claim.lineage == json.loads(own)["lineage"]
    inodes = {path.name: path.stat().st_ino for path in made.iterdir()}
    assert set(inodes) == {"t3", "t4"}

    engine.state("t3").write_bytes(others)
    shop.commit("env-t3", {".envmgr.yaml": "variables: {size: large}"})
    engine.turn()
    shop.delete("env-t3")
    engine.turn(3, minutes=5)

    t3 = engine.environment("t3")
    assert t3.status is Status.FAILED
    assert "is not the one that its last apply wrote" in t3.message
    assert {path.name: path.stat().st_ino for path in made.iterdir()} == inodes
    assert (engine.state("t3").read_bytes(), engine.state("t4").read_bytes()) == (others, others)

    engine.state("t3").write_bytes(own)
    engine.turn(2, hours=2)
    assert engine.statuses() == {"t3": "destroyed", "t4": "ready"}
    assert {path.name for path in made.iterdir()} == {"t4"}
    assert lists(engine.state("t4")) == 1
