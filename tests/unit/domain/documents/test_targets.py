"""Where deploy steps may send files to: places that the environment's own state has, called without doubt."""

from typing import Any

import pytest

from envmgr.domain.documents.targets import settled, targets_of
from envmgr.domain.values.step import Command, Site, Step, Zip

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:api"
SUBSCRIPTION = "/subscriptions/s/resourceGroups/rg"
ACCOUNT = f"{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts/acme"
APP = f"{SUBSCRIPTION}/providers/Microsoft.Web/sites/shop"


def resource(kind: str, mode: str = "managed", **attributes: Any) -> dict[str, Any]:
    """A resource as a state has it."""
    return {"mode": mode, "type": kind, "name": "this", "instances": [{"attributes": attributes}]}


def sent(run: Command | Site | Zip, *resources: dict[str, Any], region: str = "eu-west-1") -> Any:
    """Where a step would send to, None where it may not."""
    found = settled(Step(name="page", run=run), targets_of(resources), region)
    return found.run if found else None


def site(bucket: str = "", storage_account: str = "", container: str = "$web") -> Site:
    return Site(folder="public", bucket=bucket, storage_account=storage_account, container=container)


def zipped(**target: str) -> Zip:
    return Zip(folder="build", **target)


OTHERS = (
    resource("aws_s3_bucket_policy", id="shop", bucket="shop"),
    resource("aws_s3_bucket", mode="data", id="shop", bucket="shop"),
    resource("aws_s3_object", id="shop/x", bucket="shop", arn="arn:aws:s3:::shop/x"),
    resource("aws_lambda_permission", id="api", function_name="api"),
    resource("aws_lambda_function", mode="data", function_name="api", arn=ARN),
    resource("azurerm_storage_account_network_rules", id=ACCOUNT, storage_account_id=ACCOUNT),
    resource("azurerm_storage_account_static_website", id=ACCOUNT, storage_account_id=ACCOUNT),
    resource("azapi_update_resource", id=ACCOUNT),
    resource("azapi_resource", id=f"{ACCOUNT}/blobServices/default"),
    resource("azurerm_app_service_custom_hostname_binding", id=f"{APP}/hostNameBindings/x", name="shop"),
    resource("azapi_resource", id=f"{APP}/config/web", output={"properties": {"defaultHostName": "shop.x"}}),
    resource("azapi_resource", id=APP, output=None),
    resource("aws_s3_bucket"),
    resource("aws_lambda_function", function_name="api", arn="odd"),
)


@pytest.mark.parametrize(
    "run",
    [
        site(bucket="shop"),
        site(storage_account="acme"),
        zipped(function="api"),
        zipped(function=ARN),
        zipped(app_service="shop"),
        zipped(app_service="shop.azurewebsites.net"),
    ],
)
def test_what_only_belongs_to_a_place_or_reads_it_is_not_the_place(run: Site | Zip) -> None:
    """Whatever its ID says; nor is a state without anything."""
    assert sent(run, *OTHERS) is None
    assert sent(run) is None


@pytest.mark.parametrize(
    ("run", "own"),
    [
        (site(bucket="shop"), resource("aws_s3_bucket", bucket="shop")),
        (site(storage_account="acme"), resource("azurerm_storage_account", name="acme")),
        (site(storage_account="acme"), resource("azapi_resource", id=ACCOUNT)),
        (
            site(storage_account="acme", container="web"),
            resource("azurerm_storage_container", name="web", storage_account_name="acme"),
        ),
        (
            site(storage_account="acme", container="web"),
            resource("azurerm_storage_container", name="web", storage_account_id=ACCOUNT),
        ),
    ],
)
def test_a_bucket_an_account_or_a_container_of_its_own(run: Site, own: dict[str, Any]) -> None:
    """By its own resource; another one of that kind is not it."""
    assert sent(run, *OTHERS, own) == run
    assert sent(site(bucket="shops"), own) is None


def test_an_own_container_makes_not_the_whole_account_own() -> None:
    """An own account does: all that is in it."""
    container = resource("azurerm_storage_container", name="web", storage_account_name="acme")
    other = site(storage_account="acme", container="other")
    assert sent(other, container) is None
    assert sent(other, container, resource("azurerm_storage_account", name="acme")) == other


def test_a_function_is_called_by_its_arn() -> None:
    """Its mere name may be that of another's in the region where steps look; of several the one in that region."""
    own = resource("aws_lambda_function", function_name="api", arn=ARN.replace("eu-west-1", "us-east-1"))
    assert sent(zipped(function="api"), own) == zipped(function=ARN.replace("eu-west-1", "us-east-1"))
    both = (own, resource("aws_lambda_function", function_name="api", arn=ARN))
    assert sent(zipped(function="api"), *both) == zipped(function=ARN)
    assert sent(zipped(function=ARN), *both) == zipped(function=ARN)
    assert sent(zipped(function="api"), *both, region="ap-south-1") is None


@pytest.mark.parametrize(
    "named", ["shop", "Shop", "shop-x1.azurewebsites.net", "shop-x1.scm.azurewebsites.net"]
)
@pytest.mark.parametrize(
    "own",
    [
        resource("azurerm_linux_web_app", name="shop", default_hostname="shop-x1.azurewebsites.net"),
        resource("azurerm_app_service", name="shop", default_site_hostname="shop-x1.azurewebsites.net"),
        resource(
            "azapi_resource", id=APP, output={"properties": {"defaultHostName": "shop-x1.azurewebsites.net"}}
        ),
        resource(
            "azapi_resource",
            id=APP,
            output='{"properties": {"defaultHostName": "shop-x1.azurewebsites.net"}}',
        ),
    ],
)
def test_an_app_is_called_by_its_host(named: str, own: dict[str, Any]) -> None:
    """Azure may give one a host by another name than its own, which then may be another's."""
    assert sent(zipped(app_service=named), own) == zipped(app_service="shop-x1.azurewebsites.net")
    assert sent(zipped(app_service="shop.azurewebsites.net"), own) is None


def test_a_slot_is_called_by_its_host_alone() -> None:
    """Its name is that of any other app's slot."""
    own = resource("azurerm_linux_web_app_slot", name="next", default_hostname="shop-next.azurewebsites.net")
    assert sent(zipped(app_service="shop-next.azurewebsites.net"), own) is not None
    assert sent(zipped(app_service="next"), own) is None


@pytest.mark.parametrize("run", ["make", ("make",), site(), zipped()])
def test_what_names_no_place_is_left_as_it_is(run: Command | Site | Zip) -> None:
    """A command, and what its deployer refuses with a sentence of its own."""
    assert sent(run) == run
