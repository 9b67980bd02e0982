"""A time to live: what it ends, and what brings it back."""

from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, push


def test_a_destroy_that_was_cut_short_is_never_taken_for_ready(engine: Engine) -> None:
    """The branch is back after half of its environment went: Terraform makes it whole."""
    module = """
    resource "terraform_data" "first" {}
    resource "terraform_data" "second" {
      depends_on = [terraform_data.first]
      provisioner "local-exec" {
        when    = destroy
        command = "true"
      }
    }
    resource "terraform_data" "third" {
      input = terraform_data.first.id
      provisioner "local-exec" {
        when    = destroy
        command = "exit 1"
      }
    }
    """
    shop = engine.repository()
    push(shop, ["alice"], module)
    engine.turn()
    commit = shop.head("env-alice")
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.FAILED
    assert "second" not in engine.state("alice").read_text()

    shop.git("branch", "env-alice", str(commit))
    engine.turn(minutes=1)

    assert engine.environment("alice").status is Status.READY
    assert "second" in engine.state("alice").read_text()
