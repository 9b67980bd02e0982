"""The AWS cloud adapter through botocore, against moto."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest

from envmgr.adapters.cloud.aws import AwsCloud
from envmgr.domain.errors import NeedsPerson, Transient
from tests.support.processes import free_port
from tests.support.state_backends import set_known_keys_only, shown

Client = Callable[..., Any]


@pytest.fixture
def tags() -> dict[str, str]:
    """Tags of an environment that no other test has."""
    return {"environment": f"e{uuid4().hex[:12]}", "project": "shop", "organization": "acme"}


@pytest.fixture
def client(aws_environment: dict[str, str]) -> Client:
    def make(service: str, region: str = "eu-west-1") -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(
            service, endpoint_url=aws_environment["AWS_ENDPOINT_URL"], region_name=region, **keys
        )

    return make


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def make_bucket(client: Client, name: str, tags: dict[str, str]) -> str:
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(tags)})
    return f"arn:aws:s3:::{name}"


def make_table(client: Client, name: str, tags: dict[str, str]) -> str:
    table = client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=pairs(tags),
    )
    return str(table["TableDescription"]["TableArn"])


def make_group(client: Client, name: str, tags: dict[str, str]) -> str:
    query = {
        "Type": "TAG_FILTERS_1_0",
        "Query": '{"ResourceTypeFilters":["AWS::AllSupported"],"TagFilters":[{"Key":"environment","Values":[]}]}',
    }
    return str(
        client("resource-groups").create_group(Name=name, ResourceQuery=query, Tags=tags)["Group"]["GroupArn"]
    )


def test_finds_what_carries_all_tags(
    client: Client, aws_environment: dict[str, str], tags: dict[str, str]
) -> None:
    name = f"shop-{tags['environment']}"
    left = [make_bucket(client, name, tags), make_table(client, name, tags), make_group(client, name, tags)]
    make_bucket(client, f"{name}-other", {**tags, "project": "other"})
    make_group(client, f"{name}-other", {**tags, "project": "other"})
    make_table(client, f"{name}-bare", {"environment": tags["environment"]})
    assert AwsCloud(aws_environment).remaining(tags) == sorted(left)

    client("s3").delete_bucket(Bucket=name)
    client("dynamodb").delete_table(TableName=name)
    client("resource-groups").delete_group(GroupName=name)
    assert AwsCloud(aws_environment).remaining(tags) == []


def test_all_that_is_tagged_comes_with_its_tags(
    client: Client, aws_environment: dict[str, str], tags: dict[str, str]
) -> None:
    """Of every environment at once, groups too; what lacks one of the tags is not ours."""
    ours = {"organization": f"o-{tags['environment']}", "managed-by": "envmgr"}
    one, two = ({**tags, **ours, "environment": f"{tags['environment']}-{n}"} for n in (1, 2))
    made = {
        make_bucket(client, one["environment"], one): one,
        make_table(client, two["environment"], two): two,
        make_group(client, f"shop-{tags['environment']}", one): one,
    }
    make_table(client, tags["environment"], {**tags, "managed-by": "envmgr"})
    make_group(client, f"other-{tags['environment']}", tags)
    assert dict(AwsCloud(aws_environment).tagged(ours)) == made
    with pytest.raises(ValueError, match="without tags"):
        AwsCloud(aws_environment).tagged({})


def test_reads_every_page(client: Client, aws_environment: dict[str, str], tags: dict[str, str]) -> None:
    queue = client("sqs")
    for number in range(60):  # a page holds 50
        queue.create_queue(QueueName=f"{tags['environment']}-{number}", tags=tags)
    assert len(AwsCloud(aws_environment).remaining(tags)) == 60


def test_finds_global_resources_outside_the_region(
    client: Client, aws_environment: dict[str, str], tags: dict[str, str]
) -> None:
    topic = client("sns", "us-east-1").create_topic(Name=tags["environment"], Tags=pairs(tags))
    assert AwsCloud(aws_environment).remaining(tags) == [topic["TopicArn"]]


def test_a_deleted_resource_that_is_still_listed_is_gone(
    client: Client, aws_environment: dict[str, str], tags: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tagging API's index follows late, which moto's does not: the list here is put in its place."""
    there = make_bucket(client, tags["environment"], tags)
    account = "123456789012"
    deleted = [
        f"arn:aws:s3:::{tags['environment']}-deleted",
        f"arn:aws:dynamodb:eu-west-1:{account}:table/{tags['environment']}",
        f"arn:aws:ec2:eu-west-1:{account}:instance/i-0123456789abcdef0",
        f"arn:aws:resource-groups:eu-west-1:{account}:group/{tags['environment']}",
        f"arn:aws:sqs:eu-west-1:{account}:{tags['environment']}",
        f"arn:aws:lambda:eu-west-1:{account}:function:{tags['environment']}",
    ]
    unknown = f"arn:aws:sns:eu-west-1:{account}:{tags['environment']}"
    cloud = AwsCloud(aws_environment)
    monkeypatch.setattr(cloud, "_listed", lambda *_: ((arn, tags) for arn in [there, *deleted, unknown]))
    assert cloud.remaining(tags) == sorted([there, unknown])


@pytest.fixture
def distrustful_moto(moto_url: str) -> Iterator[None]:
    """Moto refuses keys that it does not know."""
    set_known_keys_only(moto_url, "0")
    yield
    set_known_keys_only(moto_url, "inf")


@pytest.mark.usefixtures("distrustful_moto")
def test_a_wrong_key_is_named_and_not_shown(aws_environment: dict[str, str], tags: dict[str, str]) -> None:
    canary = "canary-secret-access-key"
    cloud = AwsCloud({**aws_environment, "AWS_SECRET_ACCESS_KEY": canary})
    with pytest.raises(NeedsPerson, match="AWS_SECRET_ACCESS_KEY") as caught:
        cloud.remaining(tags)
    assert canary not in shown(caught.value)


def test_no_answer_is_not_nothing_left(aws_environment: dict[str, str], tags: dict[str, str]) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Transient, match="cannot be reached"):
        AwsCloud({**aws_environment, "AWS_ENDPOINT_URL": nowhere}).remaining(tags)


def test_without_region_or_tags_nothing_is_asked(aws_environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="without tags"):
        AwsCloud(aws_environment).remaining({})
    bare = {name: value for name, value in aws_environment.items() if "REGION" not in name}
    with pytest.raises(NeedsPerson, match="AWS_REGION"):
        AwsCloud(bare)
