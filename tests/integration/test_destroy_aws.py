"""A real provider's refusal in the middle of a destroy: a bucket that is not empty."""

from contextlib import closing
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code

MODULE = """
variable "region" { type = string }
variable "bucket" { type = string }
variable "tags" { type = map(string) }
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = var.region
  s3_use_path_style           = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
}
resource "aws_s3_bucket" "full" {
  bucket = var.bucket
  tags   = var.tags
}
resource "terraform_data" "easy" {}
"""


@pytest.mark.timeout(300)
def test_a_bucket_that_is_not_empty_is_named_and_stays(
    engine: Engine, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """The provider itself needs a variable that is in no file any more when the branch goes.

    That a destroy that failed is tried again until it succeeds is proven by test_exact_destroy.py.
    """
    bucket = f"full-{uuid4().hex}"
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    shop = engine.repository(variables={"region": "eu-west-1", "bucket": bucket})
    shop.commit("env-alice", code(module=MODULE))
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    client = boto3.client(
        "s3",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with closing(client):
        client.put_object(Bucket=bucket, Key="precious", Body=b"data")
        shop.delete("env-alice")
        engine.turn(2, seconds=30)
        del engine.repository_settings["shop"]["variables"]
        engine.restart()

        engine.turn(minutes=5)

        alice = engine.environment("alice")
        assert alice.status is Status.FAILED
        assert "BucketNotEmpty" in alice.message
        assert alice.message.endswith("Still there: aws_s3_bucket.full."), alice.message
        assert client.get_object(Bucket=bucket, Key="precious")["Body"].read() == b"data"
        client.delete_object(Bucket=bucket, Key="precious")
        client.delete_bucket(Bucket=bucket)
