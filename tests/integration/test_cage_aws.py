"""The real AWS provider in a cage: brought by `init` alone, run read-only, and nothing of it outlives a command."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from envmgr.host.cage.bubblewrap import require
from tests.integration.test_destroy_aws import MODULE
from tests.support.engine import Engine, code


@pytest.fixture
def engine(terraform_binary: str) -> Iterator[Engine]:
    """Where no temporary folder of a cage lies over it."""
    try:
        require()
    except NeedsPerson as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        engine = Engine(Path(made), cage={"kind": "bwrap", "network": "open"})
        engine.settings["terraform"] = {"binary": terraform_binary}
        yield engine
        engine.close()


@pytest.mark.timeout(240)
def test_from_push_to_verified_end(
    engine: Engine, provider_cli_config: Path, aws_environment: dict[str, str]
) -> None:
    """The provider of a mirror on this host is shown to it; the bucket is made, tagged, and gone."""
    bucket = f"caged-{uuid4().hex}"
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
        tags = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=bucket)["TagSet"]}
        assert (tags["environment"], tags["managed-by"]) == ("alice", "envmgr")
        shop.delete("env-alice")
        engine.turn(3, minutes=3)
        assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message
        assert bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]
