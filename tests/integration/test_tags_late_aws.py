"""Tags of which one is known only after the apply, with the real AWS provider, which then plans none of them."""

from pathlib import Path

import pytest

from envmgr.domain.values.environment import RunStatus, Status
from tests.integration.victim import Victim
from tests.support.aws import reset_moto
from tests.support.engine import Engine, code

TABLE = """
variable "environment" { type = string }
variable "tags" { type = map(string) }
resource "aws_dynamodb_table" "first" {
  name         = "first-${var.environment}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  tags         = var.tags
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_sns_topic" "second" {
  name = "second-${var.environment}"
  tags = merge(var.tags, { KEY = aws_dynamodb_table.first.arn })
}
"""
SLOW = """
variable "folder" {}
resource "terraform_data" "last" {
  input = aws_sns_topic.second.id
  provisioner "local-exec" {
    command     = "echo made >> marks; while test -e slow; do sleep 0.1; done"
    working_dir = var.folder
  }
}
"""


@pytest.mark.timeout(300)
def test_merged_tags_are_looked_at_after_the_apply(
    engine: Engine, moto_url: str, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """A wrong one fails the run, and goes on failing though nothing would change; what was made is in the record.

    That right ones are let through is at the end of the next test.
    """
    reset_moto(moto_url)
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    shop = engine.repository()
    shop.commit("env-bob", code(module=TABLE.replace("KEY", "environment")))

    engine.turn()

    bob = engine.environment("bob")
    lacking = "aws_sns_topic.second lacks the tags environment = 'bob'"
    assert (bob.status, lacking in bob.message) == (Status.FAILED, True), bob.message
    assert "2 added" in bob.message
    assert bob.applied.resources == ("aws_dynamodb_table.first", "aws_sns_topic.second")

    shop.commit("env-bob", {"readme": "nothing that Terraform would change"})
    engine.turn(minutes=1)

    bob = engine.environment("bob")
    assert (bob.status, lacking in bob.message) == (Status.FAILED, True), bob.message


@pytest.mark.timeout(300)
def test_an_apply_that_is_taken_over_is_looked_at_too(
    engine: Engine, moto_url: str, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """Its process died while Terraform went on: the plan that knew what to look at is gone with it."""
    reset_moto(moto_url)
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    victim = Victim(engine)
    victim.shop.commit("env-alice", code(module=TABLE.replace("KEY", "environment") + SLOW))
    victim.dies_at("made")
    victim.slow.unlink()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    lacking = "aws_sns_topic.second lacks the tags environment = 'alice'"
    assert (alice.status, lacking in alice.message) == (Status.FAILED, True), alice.message
    assert len(alice.applied.resources) == 3
    first = engine.runs()[0]
    assert (first.status, "to be checked again" in first.message) == (RunStatus.SUCCEEDED, True)

    victim.shop.commit("env-alice", code(module=TABLE.replace("KEY", "Of") + SLOW))
    engine.turn(minutes=1)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
