"""What a plan must satisfy before it is applied."""

from typing import Any

import pytest

from envmgr.domain.documents.plan import Plan
from envmgr.domain.rules.gates import check_apply, check_destroy, planned_tags
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import tags_for
from tests.unit.domain.documents.test_plan import (
    CREATE,
    FORGET,
    NO_OP,
    READ,
    REPLACE,
    UPDATE,
    change,
    document,
)
from tests.unit.domain_example import ALICE

TAGS = tags_for(ALICE, "env-alice")
BOBS = tags_for(EnvironmentId("acme", "shop", "bob"), "env-bob")
ONE = {"environment": "alice"}
BUCKET, GROUP = "aws_s3_bucket.site", "azurerm_resource_group.main"


def applied(*changes: dict[str, Any]) -> list[str]:
    """What the gate before an apply finds."""
    return check_apply(Plan.from_json(document(*changes)), ALICE, TAGS)


def destroyed(*changes: dict[str, Any]) -> list[str]:
    """What the gate before a destroy finds."""
    return check_destroy(Plan.from_json(document(*changes)), ALICE, TAGS)


def created(address: str, unknown: dict[str, Any] | None = None, **after: object) -> dict[str, Any]:
    """A resource that the plan creates."""
    return change(address, "create", after=after, after_unknown={"id": True, **(unknown or {})})


def deleted(address: str, **before: object) -> dict[str, Any]:
    """A resource that the plan deletes."""
    return change(address, "delete", before=before)


def group(name: str = "rg-shop-alice", tags: dict[str, str] | None = TAGS) -> dict[str, Any]:
    """A resource group that the plan creates."""
    return created(GROUP, name=name, location="westeurope", tags=tags)


def test_a_destroy_forgets_nothing() -> None:
    """As OpenTofu's `destroy = false` has it: the state would be empty, and the bucket there."""
    [found] = destroyed(
        change(BUCKET, "forget", before={"tags": TAGS}), deleted("aws_s3_bucket.other", tags=TAGS)
    )
    assert found.startswith(f"{BUCKET} would be left behind, and known to nobody")


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rg-shop-alice", "alice", "RG-ALICE-EU"])
def test_a_group_that_carries_the_name_and_all_tags_passes(name: str) -> None:
    assert applied(group(name)) == []


def test_a_group_without_the_name_is_refused() -> None:
    [finding] = applied(group("rg-shop"))
    assert finding == (
        f"{GROUP}: its name ('rg-shop') does not carry the environment's name 'alice'; use var.environment in it."
    )


def test_a_group_whose_name_is_not_known_is_refused() -> None:
    unknown = created(GROUP, {"name": True}, location="westeurope", tags=TAGS)
    [finding] = applied(unknown)
    assert "not known before the apply" in finding


def test_other_resources_may_have_any_name() -> None:
    assert applied(created(BUCKET, bucket="site", tags=ONE, tags_all=ONE)) == []


# --- tags --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(TAGS))
@pytest.mark.parametrize("address", [GROUP, "aws_resourcegroups_group.main"])
def test_a_group_needs_every_tag(key: str, address: str) -> None:
    for tags in (
        {k: v for k, v in TAGS.items() if k != key},
        {**TAGS, key: "other"},
        {**TAGS, key: TAGS[key].upper()},
    ):
        [finding] = applied(created(address, name="alice", tags=tags))
        assert finding == f"{address} lacks the tags {key} = {TAGS[key]!r}; add `tags = var.tags`."


@pytest.mark.parametrize("address", [BUCKET, "azurerm_storage_account.site"])
@pytest.mark.parametrize(
    "tags", [None, {}, {"environment": "bob"}, {"environment": None}, {"Environment": "alice"}]
)
def test_a_taggable_resource_needs_the_environment_tag(address: str, tags: dict[str, Any] | None) -> None:
    [finding] = applied(created(address, tags=tags))
    assert "lacks the tags environment = 'alice'" in finding
    assert finding.startswith(address)


def test_default_tags_of_the_provider_count() -> None:
    assert applied(created(BUCKET, tags=None, tags_all=ONE)) == []
    assert applied(created(BUCKET, tags={}, tags_all={"environment": "bob"})) != []


def test_tags_that_are_known_only_later_are_refused() -> None:
    [finding] = applied(created(BUCKET, {"tags": True, "tags_all": True}))
    assert finding == (
        f"{BUCKET}: its tags are only known after the apply; set them from var.tags, "
        "in the resource itself or by a module's input (not by a local): `tags = merge(var.tags, {…})`."
    )
    assert applied(created(BUCKET, {"tags_all": True}, tags=None)) == [finding]
    assert applied(created(BUCKET, {"tags": {"environment": True}}, tags={"team": "web"})) != []


def test_tags_of_its_own_suffice_where_the_providers_are_not_known() -> None:
    assert applied(created(BUCKET, {"tags_all": True}, tags=ONE)) == []


@pytest.mark.parametrize("tags", ["environment", ["environment"], 5, True])
def test_tags_of_another_shape_are_refused(tags: object) -> None:
    assert applied(created(BUCKET, tags=tags)) != []


def test_what_cannot_be_tagged_passes() -> None:
    assert (
        applied(created("aws_s3_bucket_policy.site", policy="{}"), created("random_pet.x", tags=None)) == []
    )
    assert applied(CREATE, UPDATE, REPLACE, NO_OP, READ, FORGET) == []


@pytest.mark.parametrize("actions", [("update",), ("no-op",), ("delete", "create"), ("create", "delete")])
def test_whatever_stays_is_looked_at(actions: tuple[str, ...]) -> None:
    before = {"name": "rg-shop-alice", "tags": TAGS}
    item = change(GROUP, *actions, before=before, after={"name": "rg-shop", "tags": None})
    assert len(applied(item)) == 2


def test_what_goes_away_is_not_looked_at() -> None:
    assert applied(deleted(GROUP, name="rg-shop", tags=None)) == []


def test_every_resource_is_named() -> None:
    findings = applied(group("x"), created(BUCKET, tags=None), created("module.a.aws_s3_bucket.b", tags=ONE))
    assert [finding.split(":")[0].split(" ")[0] for finding in findings] == [GROUP, BUCKET]


def test_planned_tags_are_text() -> None:
    [resource] = Plan.from_json(document(created(BUCKET, tags={"n": 5, "gone": None}))).resources
    assert planned_tags(resource) == {"n": "5"}


# --- before a destroy --------------------------------------------------------------------------


def test_a_destroy_may_delete_what_is_ours_or_nobodys() -> None:
    assert destroyed(deleted(GROUP, name="x", tags=TAGS), NO_OP, READ) == []
    assert (
        destroyed(deleted(BUCKET, tags=None), deleted(BUCKET, tags_all={}), deleted("terraform_data.x")) == []
    )


@pytest.mark.parametrize("item", [CREATE, UPDATE, REPLACE])
def test_a_destroy_may_only_delete(item: dict[str, Any]) -> None:
    [finding] = destroyed(item)
    planned = " and ".join(item["change"]["actions"])
    assert finding == f"{item['address']}: a destroy may only delete, but this plans {planned}."


@pytest.mark.parametrize("name", ["tags", "tags_all"])
def test_a_destroy_spares_what_another_environment_has(name: str) -> None:
    [finding] = destroyed(deleted(BUCKET, **{name: BOBS}))
    assert finding == (
        f"{BUCKET} carries tags of another environment (environment = 'bob'), not of acme/shop/alice."
    )


@pytest.mark.parametrize("key", ["project", "organization", "managed-by"])
def test_another_is_also_one_of_another_project(key: str) -> None:
    assert destroyed(deleted(BUCKET, tags={**TAGS, key: "other"})) != []


def test_tags_that_only_look_like_ours_hinder_no_destroy() -> None:
    assert destroyed(deleted(BUCKET, tags={"environment": "production", "team": "web"})) == []
    assert destroyed(deleted(BUCKET, tags={**TAGS, "branch": "env-renamed"})) == []


# --- what is taken in --------------------------------------------------------------------------


def imported(address: str = BUCKET, *actions: str, **before: object) -> dict[str, Any]:
    """A resource that an import block takes in, with the tags that the code then gives it."""
    after = {**before, "tags": ONE, "tags_all": TAGS}
    return change(address, *(actions or ("update",)), before=before, after=after, importing={"id": "x"})


@pytest.mark.parametrize("actions", [("no-op",), ("update",), ("delete", "create")])
@pytest.mark.parametrize("imports", [False, True])
def test_an_import_of_another_environments_is_refused_whoever_asks(
    actions: tuple[str, ...], imports: bool
) -> None:
    """Only the tags after were looked at, and these the branch's code gives itself."""
    plan = Plan.from_json(document(imported(BUCKET, *actions, tags_all=BOBS)))
    [finding] = check_apply(plan, ALICE, TAGS, imports=imports)
    assert "carries tags of another environment (environment = 'bob')" in finding


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"tags_all": {}},
        {"tags_all": {"environment": "production"}},
        {"tags_all": ONE},
        {"tags_all": {**TAGS, "application": "web"}}
        | {"tags_all": {**TAGS, "organization": "umbra", "managed-by": None}},
    ],
)
@pytest.mark.parametrize("address", [BUCKET, "random_password.x", "aws_iam_role_policy.x"])
def test_an_import_of_what_is_not_provably_its_own_needs_a_person(
    address: str, before: dict[str, Any]
) -> None:
    """Be it taggable or not."""
    plan = Plan.from_json(document(imported(address, **before)))
    [finding] = check_apply(plan, ALICE, TAGS)
    assert "is to be imported, but does not carry the tags of acme/shop/alice" in finding
    assert "--allow-import" in finding
    assert check_apply(plan, ALICE, TAGS, imports=True) == []


def test_an_import_of_its_own_passes() -> None:
    """As after a creation that ended badly: it is there, with our tags, and the state does not know it."""
    assert applied(imported(tags_all=TAGS)) == []
    assert (
        applied(imported("aws_autoscaling_group.x", tag=[{"key": k, "value": v} for k, v in TAGS.items()]))
        == []
    )


def test_an_application_takes_nothing_of_its_siblings() -> None:
    web, api = {**TAGS, "application": "web"}, {**TAGS, "application": "api"}
    assert check_apply(Plan.from_json(document(imported(tags_all=web))), ALICE, api)
    assert not check_apply(Plan.from_json(document(imported(tags_all=api))), ALICE, api)


@pytest.mark.parametrize("actions", [("no-op",), ("update",), ("delete",), ("delete", "create")])
def test_what_the_state_already_holds_of_another_is_refused(actions: tuple[str, ...]) -> None:
    """Moved or not: the end of this environment would delete it."""
    after = {"tags_all": TAGS} if actions != ("delete",) else None
    [finding] = applied(
        change(BUCKET, *actions, before={"tags": BOBS}, after=after, previous_address="aws_s3_bucket.old")
    )
    assert "carries tags of another environment" in finding


def test_what_is_anothers_may_be_forgotten() -> None:
    """That is the way out."""
    assert applied(change(BUCKET, "forget", before={"tags": BOBS})) == []
