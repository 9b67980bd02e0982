"""The example policies that come with envmgr: each refuses what it is for, and lets through what it is not for."""

import json
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.policy.rego import RegoPolicies

POLICIES = Path(__file__).parents[4] / "config" / "policies"


def change(type_: str, after: object, *actions: str) -> dict[str, Any]:
    """One change of a plan, as Terraform words it."""
    return {
        "address": f"{type_}.it",
        "mode": "managed",
        "type": type_,
        "change": {"actions": list(actions or ("create",)), "before": None, "after": after},
    }


def denied(policy: str, *changes: dict[str, Any], **more: Any) -> tuple[str, ...]:
    """What a policy denies of a plan."""
    return RegoPolicies().evaluate(POLICIES / policy, {"resource_changes": changes, **more}).deny


_PUBLIC = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]})
_ONE = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}}})
_LIMITED = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}}]})


def test_public_buckets() -> None:
    bad = [
        change("aws_s3_bucket", {"acl": "public-read"}),
        change("aws_s3_bucket_acl", {"acl": "public-read-write"}),
        change(
            "aws_s3_bucket_public_access_block", {"block_public_acls": True, "block_public_policy": False}
        ),
        change("aws_s3_bucket_policy", {"policy": _PUBLIC}),
        change("aws_s3_bucket_policy", {"policy": _ONE}),
        change("azurerm_storage_account", {"allow_nested_items_to_be_public": True}),
        change("azurerm_storage_container", {"container_access_type": "blob"}),
        change("google_storage_bucket_iam_member", {"member": "allUsers"}),
    ]
    for number, each in enumerate(bad):
        each["address"] += str(number)
    assert len(denied("public_buckets.rego", *bad)) == len(bad)
    good = [
        change("aws_s3_bucket", {"acl": "private"}),
        change("aws_s3_bucket", None, "delete"),
        change("aws_s3_bucket_policy", {"policy": _LIMITED}),
        change("aws_s3_bucket_policy", {}),
        change("azurerm_storage_account", {"allow_nested_items_to_be_public": False}),
        change("azurerm_storage_container", {"container_access_type": "private"}),
        change("google_storage_bucket_iam_member", {"member": "user:carol@example.com"}),
    ]
    assert denied("public_buckets.rego", *good) == ()


def test_regions() -> None:
    assert denied("regions.rego", change("azurerm_resource_group", {"location": "East US"})) == (
        "azurerm_resource_group.it is in East US, which is none of the allowed regions.",
    )
    provider = {"provider_config": {"aws": {"expressions": {"region": {"constant_value": "us-east-1"}}}}}
    assert len(denied("regions.rego", configuration=provider)) == 1
    allowed = [
        {"location": "West Europe"},
        {"location": "global"},
        {"region": "eu-west-1"},
        {"region": 5},
        None,
    ]
    assert denied("regions.rego", *(change("any", after) for after in allowed), configuration={}) == ()


def test_sizes() -> None:
    assert denied("sizes.rego", change("aws_instance", {"instance_type": "m7i.48xlarge"}))
    assert denied("sizes.rego", change("azurerm_linux_virtual_machine", {"size": "Standard_M128"}))
    small = [
        {"instance_type": "t3.micro"},
        {"size": "Standard_B2s"},
        {"size": 100},
        {"instance_class": "db.t4g.small"},
    ]
    assert denied("sizes.rego", *(change("any", after) for after in small)) == ()


@pytest.mark.parametrize(("actions", "how"), [(("delete",), "deleted"), (("delete", "create"), "replaced")])
def test_databases(actions: tuple[str, ...], how: str) -> None:
    assert denied("databases.rego", change("aws_db_instance", None, *actions)) == (
        f"aws_db_instance.it would be {how}: keep it, or move its data first.",
    )
    kept = change("aws_db_instance", {}, "update"), change("aws_instance", None, *actions)
    assert denied("databases.rego", *kept) == ()


def test_deletions() -> None:
    deleted = [change("aws_instance", None, "delete") for _ in range(6)]
    assert denied("deletions.rego", *deleted) == (
        "It would delete 6 resources, and at most 5 at once are allowed.",
    )
    assert denied("deletions.rego", *deleted[:5]) == ()
