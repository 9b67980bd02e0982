"""Which types a plan's messages name, and when that is not to be relied on."""

import pytest

from envmgr.adapters.terraform.messages import Message, PlannedChanges
from envmgr.domain.environment import Changes
from envmgr.domain.gates import concern


def planned(*changes: tuple[str, str]) -> PlannedChanges:
    """The changes that messages of these (type, action) name."""
    made = PlannedChanges()
    for kind, action in changes:
        made.add(Message(text="", type="planned_change", resource_type=kind, action=action))
    return made


def test_all_types_where_the_messages_add_up() -> None:
    """A replacement counts as one to add and one to destroy."""
    found = planned(("terraform_data", "create"), ("null_resource", "replace"), ("terraform_data", "update"))
    assert found.types(Changes(add=2, change=1, destroy=1)) == frozenset(("terraform_data", "null_resource"))


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ([("terraform_data", "create")], Changes(add=2)),
        ([], Changes(destroy=1)),
        ([("terraform_data", "forget")], Changes()),
        ([("data_thing", "read"), ("terraform_data", "create")], Changes(add=1)),
        ([("", "create")], Changes(add=1)),
    ],
)
def test_nothing_is_relied_on_that_does_not_add_up(changes: list[tuple[str, str]], counted: Changes) -> None:
    """Then the plan itself is read."""
    assert planned(*changes).types(counted) is None


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([], False),
        (["terraform_data", "random_id"], False),
        (["terraform_data", "aws_s3_bucket"], True),
        (["azurerm_resource_group"], True),
    ],
)
def test_gates_concern_aws_and_azure_only(types: list[str], expected: bool) -> None:
    """Whatever else a plan holds has neither names nor tags to check."""
    assert concern(types) is expected
