"""Plans as Terraform 1.11 prints them; the documents are its own, shortened."""

from typing import Any

import pytest

from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.environment import Changes

KEPT = {"id": "2cdcd259", "input": "same", "output": "same", "triggers_replace": None}
MOVED = {"id": "94dc940f", "input": "one", "output": "one", "triggers_replace": None}


def change(address: str, *actions: str, **rest: object) -> dict[str, Any]:
    """One of `resource_changes`, with what Terraform always writes."""
    return {
        "address": address,
        "mode": "managed",
        "type": address.split(".", maxsplit=1)[0],
        "name": address.split(".")[1],
        "provider_name": "terraform.io/builtin/terraform",
        "change": {
            "actions": list(actions),
            "before": None,
            "after": None,
            "after_unknown": {},
            "before_sensitive": False,
            "after_sensitive": {},
            **rest,
        },
    }


def document(*changes: dict[str, Any], **rest: object) -> dict[str, Any]:
    """What `terraform show -json` prints of a plan."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": list(changes),
        "applyable": True,
        "complete": True,
        "errored": False,
        **rest,
    }


CREATE = change(
    "terraform_data.kept",
    "create",
    after={"input": "same", "triggers_replace": None},
    after_unknown={"id": True, "output": True},
)
DELETE = change("terraform_data.kept", "delete", before=KEPT)
NO_OP = change('terraform_data.many["a"]', "no-op", before=KEPT, after=KEPT)
UPDATE = change(
    "terraform_data.moved",
    "update",
    before=MOVED,
    after={"id": "94dc940f", "input": "two", "triggers_replace": None},
    after_unknown={"output": True},
)
REPLACE = change(
    "terraform_data.replaced",
    *("delete", "create"),
    before=MOVED,
    after={"input": "one", "triggers_replace": "two"},
    after_unknown={"id": True, "output": True},
)
FORGET = change("terraform_data.kept", "forget", before=KEPT)
READ = {**change("terraform_data.seen", "read", after={}), "mode": "data"}


def test_a_plan_is_read_as_terraform_prints_it() -> None:
    [created] = Plan.from_json(document(CREATE)).resources
    assert (created.address, created.type, created.actions) == (
        "terraform_data.kept",
        "terraform_data",
        ("create",),
    )
    assert created.before is None
    assert created.after == {"input": "same", "triggers_replace": None}
    assert created.unknown == {"id": True, "output": True}


@pytest.mark.parametrize(
    ("item", "deletes", "stays", "changes"),
    [
        (CREATE, False, True, Changes(add=1)),
        (DELETE, True, False, Changes(destroy=1)),
        (NO_OP, False, True, Changes()),
        (UPDATE, False, True, Changes(change=1)),
        (REPLACE, True, True, Changes(add=1, destroy=1)),
        (change("a.b", "create", "delete", before=KEPT, after=KEPT), True, True, Changes(add=1, destroy=1)),
        (FORGET, False, False, Changes()),
    ],
)
def test_what_happens_to_a_resource(
    item: dict[str, Any], deletes: bool, stays: bool, changes: Changes
) -> None:
    plan = Plan.from_json(document(item))
    [resource] = plan.resources
    assert (resource.deletes, resource.stays, plan.changes) == (deletes, stays, changes)


def test_what_is_created_stays_even_where_nothing_of_it_is_known() -> None:
    [resource] = Plan.from_json(document(change("a.b", "create", after_unknown=True))).resources
    assert resource.stays
    assert resource.unknown == {}


def test_data_sources_are_no_resources() -> None:
    assert Plan.from_json(document(READ, CREATE)).changes == Changes(add=1)


def test_counts_are_those_of_the_whole_plan() -> None:
    plan = Plan.from_json(document(CREATE, DELETE, NO_OP, UPDATE, REPLACE))
    assert plan.changes == Changes(add=2, change=1, destroy=2)
    assert str(plan.changes) == "2 to add, 1 to change, 2 to destroy"


def test_a_plan_without_resources_has_none() -> None:
    assert Plan.from_json({"format_version": "1.2"}) == Plan(())


@pytest.mark.parametrize(("actions", "changes"), [(["no-op"], False), (["create"], True), (["delete"], True)])
def test_outputs_that_change(actions: list[str], changes: bool) -> None:
    outputs = {"same": {"actions": ["no-op"]}, "url": {"actions": actions, "after_unknown": True}}
    assert Plan.from_json(document(output_changes=outputs)).output_changes is changes
