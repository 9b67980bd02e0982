"""The Azure cloud adapter through the real Azure libraries, against a stand-in for the control plane."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from envmgr.adapters.cloud.azure import AzureCloud
from envmgr.domain.errors import NeedsPerson, Transient
from tests.support.azure_control_plane import SECRET, ControlPlane
from tests.support.state_backends import closed_port, shown

TAGS = {"environment": "alice", "project": "shop", "organization": "acme", "managed-by": "envmgr"}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path) as running:
        yield running


def test_finds_groups_and_resources_on_every_page(plane: ControlPlane) -> None:
    left = [plane.add_group(f"rg-shop-alice-{number}", TAGS) for number in range(5)]
    left += [plane.add_resource(f"alice{number}", {**TAGS, "extra": "yes"}) for number in range(3)]
    plane.add_group("rg-shop-bob", {**TAGS, "environment": "bob"})
    plane.add_group("rg-other-alice", {**TAGS, "project": "other"})
    plane.add_resource("loose", {"environment": "alice"})
    assert AzureCloud(plane.environment).remaining(TAGS) == sorted(left)


def test_tag_names_are_the_same_in_any_case_and_values_are_not(plane: ControlPlane) -> None:
    left = plane.add_group("rg-1", {**TAGS, "Project": "shop"} | {"environment": "alice"})
    plane.add_group("rg-2", {**TAGS, "project": "Shop"})
    plane.groups[0]["tags"].pop("project")
    assert AzureCloud(plane.environment).remaining(TAGS) == [left]


def test_all_that_is_tagged_comes_with_its_tags(plane: ControlPlane) -> None:
    """In one pass over the subscription; names of tags in lower case."""
    ours = {"organization": "acme", "managed-by": "envmgr"}
    left = {plane.add_group(f"rg-shop-{n}", {**TAGS, "environment": n}): n for n in ("alice", "bob", "carol")}
    left |= {plane.add_resource(f"st{n}", {**TAGS, "Environment": n}): n for n in ("dave", "erin", "fred")}
    for resource in plane.resources:
        resource["tags"].pop("environment")
    plane.add_group("rg-other", {**TAGS, "organization": "other"})
    plane.add_resource("loose", {"managed-by": "envmgr"})

    found = AzureCloud(plane.environment).tagged(ours)

    assert {identity: tags["environment"] for identity, tags in found} == left
    asked = [request for request in plane.requests if request.startswith("GET /subscriptions/")]
    assert len(asked) == 4, "two pages each"


def test_without_an_answer_nothing_is_known_of_what_is_tagged(plane: ControlPlane) -> None:
    plane.status = 403
    with pytest.raises(NeedsPerson):
        AzureCloud(plane.environment).tagged({"managed-by": "envmgr"})
    with pytest.raises(ValueError, match="without tags"):
        AzureCloud(plane.environment).tagged({})


def test_nothing_is_left(plane: ControlPlane) -> None:
    assert AzureCloud(plane.environment).remaining(TAGS) == []
    asked = [request for request in plane.requests if request.startswith("GET /subscriptions/")]
    assert len(asked) == 2


def test_a_quote_in_a_tag_stays_within_the_filter(plane: ControlPlane) -> None:
    tags = {"environment": "o'alice' or tagName eq 'x"}
    left = plane.add_group("rg-1", tags)
    assert AzureCloud(plane.environment).remaining(tags) == [left]


def test_without_tags_nothing_is_asked(plane: ControlPlane) -> None:
    with pytest.raises(ValueError, match="without tags"):
        AzureCloud(plane.environment).remaining({})


def test_a_wrong_secret_is_named_and_not_shown(plane: ControlPlane) -> None:
    canary = "canary-client-secret"
    cloud = AzureCloud({**plane.environment, "ARM_CLIENT_SECRET": canary})
    with pytest.raises(NeedsPerson, match="ARM_CLIENT_SECRET") as caught:
        cloud.remaining(TAGS)
    assert canary not in shown(caught.value)
    assert SECRET not in shown(caught.value)


def test_a_storage_key_says_nothing_about_the_control_plane(plane: ControlPlane) -> None:
    plane.status = 403
    with pytest.raises(NeedsPerson, match="check ARM_CLIENT_SECRET"):
        AzureCloud({**plane.environment, "ARM_ACCESS_KEY": "canary"}).remaining(TAGS)


@pytest.mark.parametrize(("status", "kind"), [(403, NeedsPerson), (404, NeedsPerson), (503, Transient)])
def test_a_refused_list_is_no_empty_one(plane: ControlPlane, status: int, kind: type[Exception]) -> None:
    plane.status = status
    with pytest.raises(kind):
        AzureCloud(plane.environment).remaining(TAGS)


def test_an_unreachable_control_plane_is_transient(plane: ControlPlane) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(Transient, match="cannot be reached"):
        AzureCloud({**plane.environment, "HTTPS_PROXY": nowhere}).remaining(TAGS)


def test_an_untrusted_certificate_names_the_variable(plane: ControlPlane) -> None:
    environment = {name: value for name, value in plane.environment.items() if name != "SSL_CERT_FILE"}
    with pytest.raises(NeedsPerson, match="SSL_CERT_FILE"):
        AzureCloud(environment).remaining(TAGS)


def test_an_unknown_cloud_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(NeedsPerson, match="public, usgovernment, china"):
        AzureCloud({**plane.environment, "ARM_ENVIRONMENT": "moon"})
