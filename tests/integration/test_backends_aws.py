"""One environment on AWS, from push to verified end: the module, the real provider, the real cloud check."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from envmgr.daemon.drift_watch import inspect
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine

IDENTITY = {"environment": "tagged-one", "project": "shop", "organization": "acme", "managed-by": "envmgr"}


@pytest.fixture
def aws(aws_environment: Mapping[str, str]) -> Callable[[str], Any]:
    """Clients that reach moto and nothing else, by service."""

    def make(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
            region_name=aws_environment["AWS_REGION"],
            aws_access_key_id=aws_environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=aws_environment["AWS_SECRET_ACCESS_KEY"],
        )

    return make


def tagged(aws: Any) -> dict[str, dict[str, str]]:
    """The tags of all that carries the environment's identity, by ARN."""
    filters = [{"Key": key, "Values": [value]} for key, value in IDENTITY.items()]
    with closing(aws("resourcegroupstaggingapi")) as client:
        found = client.get_resources(TagFilters=filters)["ResourceTagMappingList"]
    return {item["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in found}


def leave_behind(s3: Any, bucket: str) -> None:
    """A bucket by hand with the environment's tags, which no state knows."""
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tags = [{"Key": key, "Value": value} for key, value in IDENTITY.items()]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


@pytest.mark.timeout(300)
def test_an_environment_on_aws_is_tagged_and_its_end_is_verified(
    engine: Engine,
    whole_provider_cli_config: Path,
    aws_environment: dict[str, str],
    aws: Any,
    terraform_binary: str,
) -> None:
    """In a cage: the provider is brought by `init` alone, run read-only, and nothing of it outlives a command.

    What somebody tagged by hand, and no state ever listed, is named and left alone: a tag alone proves nothing.
    """
    engine.settings |= {
        "cage": {"kind": "bwrap", "network": "open"},  # moto is on loopback
        "terraform": {"binary": terraform_binary},
    }
    engine.settings["terraform"]["cli_config"] = str(whole_provider_cli_config)
    engine.settings["environment_variables"] = aws_environment
    shop = engine.repository(terraform={"module": "aws-environment"})
    shop.commit("env-tagged-one", {"app.py": ""})

    engine.turn()

    alice = engine.environment("tagged-one")
    assert alice.status is Status.READY, alice.message
    outputs = {name: output.value for name, output in alice.applied.outputs.items()}
    assert alice.applied.url == f"http://{outputs['bucket']}.s3-website-eu-west-1.amazonaws.com"
    made = tagged(aws)
    table, bucket = sorted(made)
    assert (table.split(":")[2], table.endswith(f"table/{outputs['table']}")) == ("dynamodb", True)
    assert bucket == f"arn:aws:s3:::{outputs['bucket']}"
    assert all(tags["branch"] == "env-tagged-one" for tags in made.values())

    inspect(engine.application, alice.id)
    drift = engine.environment("tagged-one").drift
    assert drift is not None
    assert drift.status == "none", "a plan without a change in the code changes something"

    left = f"left-{uuid4().hex}"
    with closing(aws("s3")) as s3:
        leave_behind(s3, left)
        shop.delete("env-tagged-one")
        engine.turn(2, seconds=30)
        engine.turn(minutes=5)
        alice = engine.environment("tagged-one")
        assert alice.status is Status.DESTROYED, alice.message
        assert f"arn:aws:s3:::{left}" in alice.message
        assert list(tagged(aws)) == [f"arn:aws:s3:::{left}"]
        s3.delete_bucket(Bucket=left)

    assert not engine.state("tagged-one").exists()
