"""Somebody deleted by hand what Terraform had made, and then comes a push of code alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from envmgr.domain.values.environment import RunKind, Status
from tests.support.engine import Engine, code
from tests.support.records import altered

MODULE = """
variable "name" { type = string }
variable "tags" { type = map(string) }
resource "aws_dynamodb_table" "only" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  tags         = var.tags
  attribute {
    name = "id"
    type = "S"
  }
}
output "name" { value = aws_dynamodb_table.only.name }
"""


@pytest.fixture
def dynamodb(aws_environment: dict[str, str]) -> Iterator[Any]:
    client = boto3.client(
        "dynamodb",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with closing(client):
        yield client


@pytest.mark.timeout(300)
def test_a_push_of_code_alone_says_so_and_applies(
    engine: Engine, provider_cli_config: Path, aws_environment: dict[str, str], dynamodb: Any
) -> None:
    """Where all is there it starts no Terraform."""
    name = f"table-{uuid4().hex}"
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    step = {"name": "deploy", "run": f'test "$ENVMGR_OUTPUT_NAME" = {name}'}
    shop = engine.repository(variables={"name": name}, deploy=[step])
    shop.commit("env-alice", code(module=MODULE))
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    shop.commit("env-alice", {"app.py": "second"})
    engine.turn()
    assert len(engine.runs(RunKind.APPLY)) == 1
    assert engine.environment("alice").status is Status.READY

    dynamodb.delete_table(TableName=name)
    shop.commit("env-alice", {"app.py": "third"})
    engine.turn()

    alice = engine.environment("alice")
    assert (alice.status, alice.deployment and alice.deployment.commit) == (Status.READY, alice.commit)
    assert "Not in the cloud any more, as if deleted by hand: arn:aws:dynamodb:" in alice.message
    assert "resources-gone" in engine.actions("alice")
    assert "1 added" in engine.runs(RunKind.APPLY)[-1].message
    assert name in dynamodb.list_tables()["TableNames"]


def test_after_a_step_failed_terraform_looks_before_the_second_try_and_no_further_one(engine: Engine) -> None:
    """A look by tags does not see all that may be missing; and a build that is broken costs no plan each time."""
    works = engine.folder / "works"
    works.touch()
    shop = engine.repository(deploy=[{"name": "deploy", "run": f"test -e {works}"}])
    shop.commit("env-alice", code())
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.READY, alice.message
    engine.application.services.store.update(
        alice.id, None, engine.clock.now, lambda e: altered(e, identifiers=("arn:aws:s3:::bucket",))
    )
    works.unlink()
    shop.commit("env-alice", {"app.py": "second"})
    engine.turn()
    assert (engine.environment("alice").status, len(engine.runs(RunKind.APPLY))) == (Status.FAILED, 1)
    engine.turn(minutes=10)
    engine.turn(hours=1)
    assert (engine.environment("alice").status, len(engine.runs(RunKind.APPLY))) == (Status.FAILED, 2)
    works.touch()
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert len(engine.runs(RunKind.APPLY)) == 2
