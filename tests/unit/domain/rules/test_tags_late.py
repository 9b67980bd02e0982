"""Tags that a plan cannot show: let through where the code makes them of `var.tags`, and looked at after the apply."""

import json
from typing import Any

import pytest

from envmgr.domain.documents.plan import Plan
from envmgr.domain.documents.state import State
from envmgr.domain.rules.gates import check_applied, check_apply, check_made, shows_tags_late
from tests.unit.domain.documents.test_plan import document
from tests.unit.domain.documents.test_state import read
from tests.unit.domain.rules.test_gates import BUCKET, GROUP, TAGS, created
from tests.unit.domain_example import ALICE

MERGED = {"references": ["var.tags", "aws_vpc.main.id", "aws_vpc.main"]}
LATE = {"tags": True, "tags_all": True}
MODULE = 'module.site["a.b"].module.inner[0]'


def configured(address: str, tags: dict[str, Any] | None) -> dict[str, Any]:
    """A resource as a plan's configuration shows it."""
    return {"address": address, "expressions": {} if tags is None else {"tags": tags}}


def root(*resources: dict[str, Any], **calls: object) -> dict[str, Any]:
    """A module's part of the configuration."""
    return {"resources": list(resources), "module_calls": calls}


def planned(module: dict[str, Any], *addresses: str) -> Plan:
    """A plan that creates these resources, with tags that are known only later."""
    changes = [
        {**created("aws_s3_bucket.site", LATE), "address": address}
        if "aws_s3_bucket" in address
        else {**created(address, LATE, name="rg-alice")}
        for address in addresses
    ]
    return Plan.from_json(document(*changes, configuration={"root_module": module}))


def state(*tags: tuple[object, dict[str, str] | None], **where: object) -> State:
    """A state with one bucket for each key, and its tags."""
    instances = [
        {"attributes": {"tags": of}} | ({} if key is None else {"index_key": key}) for key, of in tags
    ]
    return read(
        resources=[
            {"mode": "managed", "type": "aws_s3_bucket", "name": "site", "instances": instances, **where}
        ]
    )


def nested(outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """A bucket in a module in a module, with what each is given."""
    bucket = configured(BUCKET, {"references": ["var.labels", "aws_vpc.main.id"]})
    within = {"expressions": inner, "module": root(bucket)}
    return root(site={"expressions": outer, "module": root(inner=within)})


@pytest.mark.parametrize("address", [BUCKET, BUCKET + '["a.b"]', BUCKET + "[0]"])
def test_tags_made_of_the_variable_pass_though_one_is_known_only_later(address: str) -> None:
    plan = planned(root(configured(BUCKET, MERGED)), address)
    assert check_apply(plan, ALICE, TAGS) == []
    assert shows_tags_late(plan)


@pytest.mark.parametrize(
    "tags",
    [
        None,
        {"references": ["local.tags"]},
        {"references": ["var.tagsalike", "var.other"]},
        {"constant_value": {"a": "var.tags"}},
        {},
    ],
)
def test_tags_that_come_from_elsewhere_or_from_where_it_cannot_be_seen_are_refused(tags: Any) -> None:
    [finding] = check_apply(planned(root(configured(BUCKET, tags)), BUCKET), ALICE, TAGS)
    assert "its tags are only known after the apply" in finding
    assert "merge(var.tags" in finding


def test_another_resource_that_takes_them_is_no_excuse() -> None:
    module = root(configured("aws_s3_bucket.other", MERGED), configured(BUCKET, None))
    assert len(check_apply(planned(module, BUCKET), ALICE, TAGS)) == 1


def test_a_modules_input_is_followed_to_the_roots_variable() -> None:
    module = nested(
        {"marks": {"references": ["var.tags"]}}, {"labels": {"references": ["var.marks", "local.a"]}}
    )
    assert check_apply(planned(module, f"{MODULE}.{BUCKET}"), ALICE, TAGS) == []


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ({"marks": {"references": ["local.tags"]}}, {"labels": {"references": ["var.marks"]}}),
        ({"marks": {"references": ["var.tags"]}}, {"labels": {"references": ["var.other"]}}),
        ({"marks": {"references": ["var.tags"]}}, {"labels": {"references": ["var.tags"]}}),
        ({}, {}),
    ],
)
def test_a_modules_input_that_does_not_come_from_there_is_refused(outer: Any, inner: Any) -> None:
    assert len(check_apply(planned(nested(outer, inner), f"{MODULE}.{BUCKET}"), ALICE, TAGS)) == 1


def test_after_the_apply_each_instance_must_have_the_tag() -> None:
    plan = planned(root(configured(BUCKET, MERGED)), f'{BUCKET}["ä"]', f'{BUCKET}["b"]')
    assert check_applied(plan, state(("ä", TAGS), ("b", TAGS)), TAGS) == []
    [finding] = check_applied(plan, state(("ä", TAGS), ("b", {"environment": "bob"})), TAGS)
    assert finding == f"{BUCKET}[\"b\"] lacks the tags environment = 'alice'; add `tags = var.tags`."


@pytest.mark.parametrize("found", [None, read(), state((None, None)), state((None, {}))])
def test_after_the_apply_what_shows_no_tags_lacks_them(found: State | None) -> None:
    plan = planned(root(configured(BUCKET, MERGED)), BUCKET)
    [finding] = check_applied(plan, found, TAGS)
    assert finding.startswith(f"{BUCKET} lacks the tags environment = 'alice'")


def test_after_the_apply_a_group_must_have_all_tags() -> None:
    plan = planned(root(configured(GROUP, MERGED)), GROUP)
    made = {"mode": "managed", "type": "azurerm_resource_group", "name": "main"}
    instance = {"attributes": {"tags": {"environment": "alice"}}}
    [finding] = check_applied(plan, read(resources=[{**made, "instances": [instance]}]), TAGS)
    assert "managed-by = 'envmgr'" in finding
    assert "environment =" not in finding


def test_what_the_plan_could_show_is_not_looked_at_again() -> None:
    plan = Plan.from_json(document(created(BUCKET, tags=dict(TAGS))))
    assert not shows_tags_late(plan)
    assert check_applied(plan, None, TAGS) == []


def test_a_state_gives_the_tags_with_those_of_the_provider_first() -> None:
    attributes = {"tags": {"a": "1"}, "tags_all": {"a": "1", "b": "2", "c": None}}
    made = {"mode": "managed", "type": "aws_s3_bucket", "name": "site", "module": "module.a[0]"}
    found = read(resources=[{**made, "instances": [{"attributes": attributes}]}])
    assert found.tags == {"module.a[0].aws_s3_bucket.site": {"a": "1", "b": "2"}}
    assert json.loads(json.dumps(found.resources)) == ["module.a[0].aws_s3_bucket.site"]


@pytest.mark.parametrize("lacking", [None, {}, {"environment": "bob"}])
def test_without_a_plan_all_that_the_state_shows_tags_of_must_have_them(lacking: Any) -> None:
    assert check_made(state(("a", TAGS), ("b", TAGS)), TAGS) == []
    [finding] = check_made(state(("a", TAGS), ("b", lacking)), TAGS)
    assert finding.startswith(f"{BUCKET}[\"b\"] lacks the tags environment = 'alice'")


def test_without_a_plan_what_takes_no_tags_lacks_none() -> None:
    made = [
        {"mode": "managed", "type": kind, "name": "a", "instances": [{"attributes": attributes}]}
        for kind, attributes in (
            ("aws_s3_bucket_policy", {"bucket": "b"}),
            ("random_id", {"tags": {}}),
            ("terraform_data", {"input": None}),
        )
    ]
    assert check_made(read(resources=made), TAGS) == []
    assert check_made(None, TAGS) == []
