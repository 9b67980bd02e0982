"""An import block of another environment's bucket, with the real provider."""

from contextlib import closing
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from envmgr.commands import operations
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code

MODULE = """
variable "tags" {{ type = map(string) }}
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
}}
import {{
  to = aws_s3_bucket.taken
  id = "{bucket}"
}}
resource "aws_s3_bucket" "taken" {{
  bucket = "{bucket}"
  tags   = var.tags
}}
"""
BOBS = {"environment": "bob", "project": "shop", "organization": "acme", "managed-by": "envmgr"}


@pytest.mark.timeout(300)
def test_a_bucket_is_imported_only_by_a_person_and_never_anothers(
    engine: Engine, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """The code gives it our tags, so only those before tell; what is nobody's, a person lets in."""
    bucket = f"import-{uuid4().hex}"
    engine.settings["terraform"]["cli_config"] = str(provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    client = boto3.client(
        "s3",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with closing(client):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        tag_set = [{"Key": k, "Value": v} for k, v in BOBS.items()]
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})
        engine.repository().commit("env-alice", code(module=MODULE.format(bucket=bucket)))

        engine.turn()

        alice = engine.environment("alice")
        assert alice.status is Status.FAILED
        assert "aws_s3_bucket.taken carries tags of another environment" in alice.message
        assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set

        client.delete_bucket_tagging(Bucket=bucket)
        with pytest.raises(NeedsPerson, match="--allow-import"):
            operations.apply(engine.application, alice, lambda *_: True)
        operations.apply(engine.application, alice, lambda *_: True, imports=True)

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert "import-allowed" in engine.actions("alice")
