"""Two applications of one environment on AWS: their tags, and what the last of them looks for."""

from contextlib import closing
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import identity, tags_for
from tests.support.engine import Engine

MODULE = """
variable "environment" { type = string }
variable "application" { type = string }
variable "stamp" { type = string }
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
}
resource "aws_s3_bucket" "one" { bucket = "${var.environment}-${var.application}-${var.stamp}" }
"""


@pytest.mark.timeout(400)
def test_resources_name_their_application_and_the_last_one_looks_for_those_that_name_none(
    engine: Engine, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """A bucket with the environment's tags that no state ever listed is named by the last of them, and holds nothing up."""
    stamp = uuid4().hex
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    applications = [{"name": "db"}, {"name": "web", "needs": ["db"]}]
    shop = engine.repository(variables={"stamp": stamp}, applications=applications)
    shop.commit("env-alice", {f"{name}/terraform/main.tf": MODULE for name in ("db", "web")})
    engine.turn()
    alice = EnvironmentId("acme", "shop", "alice")
    client = boto3.client(
        "s3",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with closing(client):
        for name in ("db", "web"):
            found = client.get_bucket_tagging(Bucket=f"alice-{name}-{stamp}")["TagSet"]
            expected = tags_for(EnvironmentId("acme", "shop", "alice", name), "env-alice")
            assert {tag["Key"]: tag["Value"] for tag in found} == expected
        where = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket=f"stray-{stamp}", CreateBucketConfiguration=where)
        tags = [{"Key": k, "Value": v} for k, v in identity(tags_for(alice, "env-alice")).items()]
        client.put_bucket_tagging(Bucket=f"stray-{stamp}", Tagging={"TagSet": tags})
        shop.delete("env-alice")
        engine.turn(3, minutes=3)
        records = engine.application.services.store.environments(destroyed=True)
        said = {e.id.application: e.message for e in records}
        assert {e.status.value for e in records} == {"destroyed"}, said
        assert f"stray-{stamp}" in said["db"]
        assert f"stray-{stamp}" not in said["web"]
        assert client.get_bucket_tagging(Bucket=f"stray-{stamp}")["TagSet"], "it is left alone"
        client.delete_bucket(Bucket=f"stray-{stamp}")
