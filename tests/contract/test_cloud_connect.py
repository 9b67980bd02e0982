"""Which clouds an organization has, and which ones an environment's resources need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters.cloud.aws import AwsCloud
from envmgr.adapters.cloud.azure import AzureCloud
from envmgr.adapters.cloud.connect import clouds_configured, clouds_needed, clouds_unverifiable, open_clouds
from envmgr.domain.documents.state import State

AZURE = {"ARM_SUBSCRIPTION_ID": "11111111-1111-1111-1111-111111111111"}
AWS = {"AWS_REGION": "eu-west-1"}


def test_finds_what_the_variables_name() -> None:
    assert clouds_configured({}) == set()
    assert clouds_configured(AZURE) == {"azurerm"}
    assert clouds_configured({**AZURE, **AWS}) == {"azurerm", "aws"}
    assert clouds_configured({"AWS_REGION": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) == set()


def test_opens_what_was_chosen() -> None:
    both = {**AZURE, **AWS}
    assert open_clouds(both, set()) == []
    assert [type(cloud) for cloud in open_clouds(both, {"aws"})] == [AwsCloud]
    assert [type(cloud) for cloud in open_clouds(both, {"aws", "azurerm"})] == [AzureCloud, AwsCloud]


@pytest.mark.parametrize(
    ("address", "cloud"),
    [
        ("aws_s3_bucket.site", {"aws"}),
        ("aws_s3_bucket.site[0]", {"aws"}),
        ('module.site["a.b"].module.deep.aws_s3_bucket.site["x\\"].azurerm_y.z"]', {"aws"}),
        ('module.aws_named["aws_s3_bucket.x"].azurerm_resource_group.main', {"azurerm"}),
        ("module.aws_only.terraform_data.aws_name", set()),
        ("random_id.aws_s3_bucket", set()),
        ('terraform_data.x["]"]', set()),
    ],
)
def test_the_cloud_of_an_address(address: str, cloud: set[str]) -> None:
    assert clouds_needed([address]) == cloud


@given(st.text(), st.sampled_from(["aws_s3_bucket", "azurerm_resource_group"]))
def test_no_index_key_hides_or_feigns_a_cloud(index: str, kind: str) -> None:
    """Through the addresses that State itself writes."""
    resource: dict[str, object] = {
        "mode": "managed",
        "type": kind,
        "name": "x",
        "instances": [{"index_key": index}],
    }
    (address,) = State.from_bytes(_state(resource), "a test").resources
    assert clouds_needed([address]) == {kind.split("_", maxsplit=1)[0]}


def _state(resource: dict[str, object]) -> bytes:
    import json

    return json.dumps({"version": 4, "lineage": "l", "serial": 1, "resources": [resource]}).encode()


def test_a_cloud_that_nobody_can_look_into_is_named() -> None:
    addresses = ["aws_s3_bucket.site", "azurerm_resource_group.main", "terraform_data.x"]
    assert clouds_unverifiable(addresses, AZURE) == {"aws"}
    assert clouds_unverifiable(addresses, {**AZURE, **AWS}) == set()
    assert clouds_unverifiable(["terraform_data.x"], {}) == set()
