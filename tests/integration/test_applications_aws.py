"""Two applications of one environment on AWS: their tags, and what the last of them looks for."""

import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import uuid4

import boto3

from envmgr.adapters.cloud.aws import AwsCloud
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import identity, tags_for
from envmgr.ports import Cloud
from tests.support.engine import Engine
from tests.support.records import altered

# A bucket, and the tags that the provider is told to give it, without the provider: that one takes ten times as long,
# and that it does as it is told is proven by test_backends_aws.py and test_terraform_adapter_providers.py.
_BY_HAND = f'interpreter = ["{sys.executable}", "-S", "{Path(__file__).with_name("bucket_by_hand.py")}"]'
MODULE = f"""
variable "environment" {{ type = string }}
variable "application" {{ type = string }}
variable "stamp" {{ type = string }}
resource "terraform_data" "one" {{
  input = "${{var.environment}}-${{var.application}}-${{var.stamp}}"
  provisioner "local-exec" {{
    {_BY_HAND}
    command = "make ${{self.input}}"
  }}
  provisioner "local-exec" {{
    {_BY_HAND}
    when    = destroy
    command = "drop ${{self.input}}"
  }}
}}
"""


def as_of_the_provider(engine: Engine, stamp: str, cloud: Cloud) -> None:
    """What the provider's buckets would lead to: they are in the records, and AWS is asked for what is left."""
    store = engine.application.services.store
    for name in ("db", "web"):
        arn = f"arn:aws:s3:::alice-{name}-{stamp}"
        application = EnvironmentId("acme", "shop", "alice", name)
        store.update(application, None, engine.clock.now, partial(altered, identifiers=(arn,)))
    engine.application.services.organizations["acme"].open_clouds = lambda *_: [cloud]


def test_resources_name_their_application_and_the_last_one_looks_for_those_that_name_none(
    engine: Engine, aws_environment: dict[str, str]
) -> None:
    """A bucket with the environment's tags that no state ever listed is named by the last of them, and holds nothing up."""
    stamp = uuid4().hex
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
        as_of_the_provider(engine, stamp, AwsCloud(aws_environment))
        shop.delete("env-alice")
        engine.turn(3, minutes=3)
        records = engine.application.services.store.environments(destroyed=True)
        said = {e.id.application: e.message for e in records}
        assert {e.status.value for e in records} == {"destroyed"}, said
        assert f"stray-{stamp}" in said["db"]
        assert f"stray-{stamp}" not in said["web"]
        assert client.get_bucket_tagging(Bucket=f"stray-{stamp}")["TagSet"], "it is left alone"
        client.delete_bucket(Bucket=f"stray-{stamp}")
