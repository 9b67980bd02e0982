"""What Terraform reaches whatever a list says: where its state is, and its clouds."""

import pytest

from envmgr.domain.rules.network.egress import Target, Way, is_listed
from envmgr.domain.rules.network.endpoints import of_clouds, of_state


def reaches(names: tuple[str, ...], host: str, port: int = 443) -> bool:
    """As the proxy decides."""
    return is_listed(Target(host, port), Way(names=names))


@pytest.mark.parametrize(
    ("variables", "host", "expected"),
    [
        ({"AWS_REGION": "eu-west-1"}, "sqs.eu-west-1.amazonaws.com", True),
        ({"AWS_CONFIG_FILE": "/c"}, "iam.amazonaws.com", True),
        ({"AWS_REGION": "cn-north-1"}, "sqs.cn-north-1.amazonaws.com.cn", True),
        ({"AWS_REGION": "cn-north-1"}, "sqs.us-east-1.amazonaws.com", False),
        ({"AWS_REGION": "eu-west-1"}, "management.azure.com", False),
        ({"ARM_CLIENT_ID": "c"}, "management.azure.com", True),
        ({"ARM_SUBSCRIPTION_ID": "s"}, "acme.file.core.windows.net", True),
        ({"ARM_SUBSCRIPTION_ID": "s"}, "iam.amazonaws.com", False),
        ({"AWS_REGION": ""}, "iam.amazonaws.com", False),
        ({}, "iam.amazonaws.com", False),
    ],
)
def test_the_clouds_are_those_that_the_variables_are_for(
    variables: dict[str, str], host: str, *, expected: bool
) -> None:
    assert reaches(of_clouds(variables), host) is expected


def test_services_of_ones_own_are_reached_at_their_ports() -> None:
    variables = {
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "https://aws.corp:8443",
        "AWS_ENDPOINT_URL_S3": "https://minio.corp",
        "AWS_ENDPOINT_URL_SQS": "http://plain.corp",
    }
    found = of_clouds(variables)
    assert reaches(found, "aws.corp", 8443)
    assert reaches(found, "minio.corp")
    assert not reaches(found, "aws.corp")
    assert not reaches(found, "plain.corp", 80), "by no CONNECT"


def test_a_state_in_a_bucket_is_reached_there_alone() -> None:
    found = of_state(("s3", {"bucket": "states", "region": "eu-west-1"}), {})
    for host in ("states.s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "sts.amazonaws.com"):
        assert reaches(found, host)
    assert not reaches(found, "others.s3.eu-west-1.amazonaws.com")
    assert not reaches(found, "iam.amazonaws.com")
    elsewhere = of_state(("s3", {"bucket": "b", "endpoints": {"s3": "https://minio.corp:9000"}}), {})
    assert reaches(elsewhere, "minio.corp", 9000)
    china = of_state(("s3", {"bucket": "b"}), {"AWS_REGION": "cn-north-1"})
    assert reaches(china, "b.s3.cn-north-1.amazonaws.com.cn")


def test_a_state_in_a_storage_account_is_reached_there_alone() -> None:
    found = of_state(("azurerm", {"storage_account_name": "acme", "container_name": "states"}), {})
    assert reaches(found, "acme.blob.core.windows.net")
    assert reaches(found, "login.microsoftonline.com")
    assert not reaches(found, "other.blob.core.windows.net")


def test_a_state_on_this_host_needs_no_network() -> None:
    assert of_state(("local", {"path": "/srv"}), {"AWS_REGION": "eu-west-1"}) == ()
