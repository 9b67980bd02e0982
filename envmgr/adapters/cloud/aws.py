"""What is left on AWS, by its tags: the Resource Groups Tagging API, and the resource groups themselves."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from envmgr.domain.errors import NeedsPerson
from envmgr.host.credentials.aws import AwsAccount, error_code, failures

# Resources without a region (CloudFront, Route 53, IAM) are listed only where their partition keeps them.
_GLOBAL_REGIONS = {"us-gov-": "us-gov-west-1", "cn-": "cn-northwest-1", "": "us-east-1"}
_GONE = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NotFoundException",
        "ResourceNotFoundException",
        "InvalidInstanceID.NotFound",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)


class AwsCloud:
    """One account and region, and the region of its partition's global resources.

    The Tagging API may list a deleted resource for a while (its index follows later). For the kinds that environments
    are mostly made of the service itself is asked, and only its plain "not found" counts; any other kind stays listed
    until the index forgets it, and the destroy is verified then.
    """

    lag = timedelta(0)

    def __init__(self, environment: Mapping[str, str]) -> None:
        """No request is made yet; NeedsPerson where no region is set."""
        self._environment = environment
        self._account = AwsAccount(environment)
        if not self._account.region:
            raise NeedsPerson("The AWS region is not known: set AWS_REGION in environment_variables.")

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """The ARNs of what carries all of these tags and is not known to be gone."""
        listed = self._listed_everywhere(tags)
        groups = {arn for arn, _ in self._groups(tags)}
        return sorted({arn for arn in listed if not self._is_gone(arn)} | groups)

    def tagged(self, tags: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The ARNs and tags of what the index lists, and of the groups that it does not know."""
        listed = self._listed_everywhere(tags)
        return sorted({**dict(self._groups(tags, known=listed)), **listed}.items())

    def _listed_everywhere(self, tags: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        if not tags:
            raise ValueError("without tags everything would count as left")
        region = self._account.region
        regions = sorted({region, _global_region(region)})
        return {arn: carried for each in regions for arn, carried in self._listed(tags, each)}

    def _listed(self, tags: Mapping[str, str], region: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        filters = [{"Key": name, "Values": [value]} for name, value in tags.items()]
        with failures(f"AWS's tagging API in {region}", self._environment):
            client = self._account.client("resourcegroupstaggingapi", region=region)
            for page in client.get_paginator("get_resources").paginate(TagFilters=filters):
                for entry in page["ResourceTagMappingList"]:
                    yield entry["ResourceARN"], {tag["Key"]: tag["Value"] for tag in entry["Tags"]}

    def _groups(
        self, tags: Mapping[str, str], known: Container[str] = ()
    ) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The resource groups with these tags, asked for directly: the index may not know them."""
        with failures("AWS Resource Groups", self._environment):
            client = self._account.client("resource-groups")
            for page in client.get_paginator("list_groups").paginate():
                # An environment's groups carry its name in theirs, which spares a call for every other group.
                for group in page["GroupIdentifiers"]:
                    arn = group["GroupArn"]
                    if arn in known or tags.get("environment", "") not in group["GroupName"]:
                        continue
                    carried = _tags_of(client, arn)
                    if carried.items() >= tags.items():
                        yield arn, carried

    def _is_gone(self, arn: str) -> bool:
        """Whether the resource's own service says that there is no such thing; in doubt it is still there."""
        partition_free = arn.split(":", 5)
        if len(partition_free) < 6:
            return False
        _, _, service, region, _, resource = partition_free
        check = next(
            (c for (s, prefix), c in _CHECKS.items() if s == service and resource.startswith(prefix)), None
        )
        if check is None:
            return False
        with failures(f"AWS {service}", self._environment):
            client = self._account.client(service, region=region)
        return _answers_gone(check, client, resource)


def _answers_gone(check: Callable[[Any, str], bool], client: Any, resource: str) -> bool:
    try:
        return check(client, resource)
    except ClientError as error:
        return error_code(error) in _GONE


def _bucket_is_gone(client: Any, resource: str) -> bool:
    client.head_bucket(Bucket=resource)
    return False


def _table_is_gone(client: Any, resource: str) -> bool:
    client.describe_table(TableName=resource.split("/")[1])
    return False


def _instance_is_gone(client: Any, resource: str) -> bool:
    answer = client.describe_instances(InstanceIds=[resource.split("/")[1]])
    states = {i["State"]["Name"] for reservation in answer["Reservations"] for i in reservation["Instances"]}
    # EC2 tells of an instance for an hour after its end.
    return states <= {"terminated"}


def _group_is_gone(client: Any, resource: str) -> bool:
    client.get_group(GroupName=resource.split("/")[1])
    return False


def _queue_is_gone(client: Any, resource: str) -> bool:
    client.get_queue_url(QueueName=resource)
    return False


def _function_is_gone(client: Any, resource: str) -> bool:
    client.get_function(FunctionName=resource.split(":")[1])
    return False


# By the service of an ARN and what its resource part starts with.
_CHECKS: Mapping[tuple[str, str], Callable[[Any, str], bool]] = {
    ("s3", ""): _bucket_is_gone,
    ("dynamodb", "table/"): _table_is_gone,
    ("ec2", "instance/"): _instance_is_gone,
    ("resource-groups", "group/"): _group_is_gone,
    ("sqs", ""): _queue_is_gone,
    ("lambda", "function:"): _function_is_gone,
}


def _tags_of(client: Any, arn: str) -> dict[str, str]:
    try:
        return dict(client.get_tags(Arn=arn)["Tags"])
    except ClientError as error:
        if error_code(error) in _GONE:
            return {}  # deleted since it was listed
        raise


def _global_region(region: str) -> str:
    return next(home for prefix, home in _GLOBAL_REGIONS.items() if region.startswith(prefix))
