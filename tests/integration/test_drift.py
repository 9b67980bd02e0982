"""Drift: found where the cloud was changed behind Terraform's back, corrected only where that is safe."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import boto3
import pytest

from envmgr.daemon.drift_watch import DriftWatch, due, inspect
from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.aws import reset_moto
from tests.support.engine import Engine, code, push
from tests.support.waiting import wait_for

# A file that Terraform knows by its hash: altered behind its back, it is written again in place.
FILE = """
variable "folder" {}
variable "environment" {}
locals { path = "${var.folder}/${var.environment}" }
resource "terraform_data" "page" {
  input = fileexists(local.path) ? filesha256(local.path) : "absent"
  provisioner "local-exec" { command = "true" }
}
"""
TABLE = """
variable "environment" {}
variable "mode" { default = "PAY_PER_REQUEST" }
resource "aws_dynamodb_table" "main" {
  name         = "table-${var.environment}"
  billing_mode = var.mode
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
"""


@pytest.fixture
def folder(engine: Engine) -> Path:
    """Where the module's files are."""
    found = engine.folder / "files"
    found.mkdir()
    return found


@pytest.fixture
def shop(engine: Engine, folder: Path) -> Engine:
    """One environment whose code reads a file."""
    engine.settings["drift"] = {"interval": "1h", "action": "report"}
    (folder / "alice").write_text("as it should be")
    push(engine.repository(variables={"folder": str(folder)}), ["alice"], module=FILE)
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    engine.calls()
    return engine


def drift_watch(engine: Engine) -> list[str]:
    """Check all that is due; gives the Terraform commands that took."""
    for environment in due(engine.application, "acme"):
        inspect(engine.application, environment.id)
    return engine.calls()


def drift(engine: Engine) -> Drift:
    """What is known of alice's drift."""
    found = engine.environment("alice").drift
    assert found is not None
    return found


def test_a_check_is_one_plan_when_it_is_due(shop: Engine) -> None:
    """And none before; without a difference nothing else is started."""
    assert drift_watch(shop) == []
    shop.clock.forward(minutes=67)
    assert drift_watch(shop) == ["plan"]
    assert drift(shop).status == "none"
    assert drift_watch(shop) == []
    [run] = shop.runs(RunKind.DRIFT)
    assert (run.status, run.message) == (RunStatus.SUCCEEDED, "No drift.")


def test_a_difference_in_place_is_corrected(shop: Engine, folder: Path) -> None:
    """By a plan of its own through the gates, with an event that says what for."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    (folder / "alice").write_text("altered")
    shop.clock.forward(hours=2)

    drift_watch(shop)

    alice = shop.environment("alice")
    assert (alice.status, drift(shop).status) == (Status.READY, "none"), alice.message
    last = shop.runs()[-1]
    assert (last.kind, last.status) == (RunKind.APPLY, RunStatus.SUCCEEDED)
    assert shop.turn(seconds=30) == []
    assert shop.runs()[-1] == last


def test_what_would_be_replaced_waits(shop: Engine, folder: Path) -> None:
    """What somebody put in its place is not thrown away."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    push(shop.repositories["shop"], ["alice"], module=FILE.replace("input ", "triggers_replace "))
    shop.turn(minutes=1)
    before = shop.state("alice").read_bytes()
    (folder / "alice").write_text("another")
    shop.clock.forward(hours=2)

    drift_watch(shop)

    alice = shop.environment("alice")
    assert alice.status is Status.WAITING, alice.message
    assert "delete or replace terraform_data.page" in alice.message
    assert shop.state("alice").read_bytes() == before


def test_a_push_waits_only_for_its_own_check_to_give_way(shop: Engine) -> None:
    """What was refused while the check held the environment is handed out as soon as that ends."""
    begun = shop.folder / "begun"
    shop.use_terraform(f'[ "$1" = plan ] && touch {begun} && exec sleep 600; exec "$real" "$@"')
    shop.clock.forward(hours=2)
    application = shop.application
    workers, (repository,) = application.workers, application.services.repositories.values()
    looks: SimpleQueue[int] = SimpleQueue()
    workers.finished = lambda _: looks.put(workers.look(repository))
    background = DriftWatch(application)
    background.tick()
    wait_for(begun.exists)
    shop.use_terraform()
    push(shop.repositories["shop"], ["alice"], module=FILE + "# another\n")
    shop.poll()

    assert workers.look(repository) == 1

    while shop.environment("alice").applied.commit != shop.environment("alice").commit:
        looks.get(timeout=60)  # nobody looks otherwise: put off, it would wait for ever
    background.close()
    assert background.wait(60)
    found = shop.environment("alice")
    assert (found.status, found.applied.commit) == (Status.READY, found.commit)


@pytest.fixture
def table(
    engine: Engine, moto_url: str, provider_cli_config: Path, aws_environment: Mapping[str, str]
) -> Engine:
    """One environment with a table by the real AWS provider."""
    reset_moto(moto_url)
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = dict(aws_environment)
    engine.settings["drift"] = {"interval": "1h", "action": "correct"}
    engine.repository().commit("env-alice", code(module=TABLE))
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    return engine


def dynamodb(moto_url: str) -> Any:
    """Somebody who goes behind Terraform's back."""
    return boto3.client(
        "dynamodb",
        endpoint_url=moto_url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.timeout(300)
def test_a_tag_that_was_taken_off_is_put_back(table: Engine, moto_url: str) -> None:
    """In place, so nobody is asked."""
    with closing(dynamodb(moto_url)) as client:
        arn = client.describe_table(TableName="table-alice")["Table"]["TableArn"]
        client.untag_resource(ResourceArn=arn, TagKeys=["environment"])
        table.clock.forward(hours=2)

        drift_watch(table)

        tags = {t["Key"]: t["Value"] for t in client.list_tags_of_resource(ResourceArn=arn)["Tags"]}
        assert tags["environment"] == "alice"
        assert drift(table).status == "none"
