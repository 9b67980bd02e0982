"""The options of named environments, builds, checks, approvals, tests, images and freezes, each for itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from envmgr.config.expand import gates_of
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.pipeline.approval import Approval, Freeze
from envmgr.config.sections.pipeline.environments import NamedEnvironment
from envmgr.config.sections.pipeline.images import Image
from envmgr.config.sections.pipeline.steps import BuildStep, Check, EnvironmentTest
from envmgr.config.sections.section import Section
from envmgr.domain.values.asking.person import Role


def test_what_is_not_said_is_the_careful_way() -> None:
    assert NamedEnvironment(name="staging", branch="main").protected
    assert Check(name="policy", rego="/etc/envmgr/policies").on_failure == "refuse"
    assert BuildStep(name="image", run="make image").when == "code"
    assert EnvironmentTest(name="smoke", run=("make", "smoke")).timeout == timedelta(minutes=15)
    found = Approval.model_validate({"needed": 2, "from": "admin"})
    assert (found.needed, found.role, found.expires, found.self_) == (2, Role.ADMIN, timedelta(days=7), False)
    assert (found.rollback, found.reviews) == ("approve", False)


@pytest.mark.parametrize(
    ("approval", "counts"),
    [(None, False), ({}, False), ({"reviews": True}, True)],
    ids=["none", "as it is", "wanted"],
)
def test_reviews_count_where_that_is_said(approval: dict[str, bool] | None, counts: bool) -> None:
    shop = {"name": "shop", "url": "https://git.example.com/shop.git", "approval": approval}
    file = OrganizationFile.model_validate({"organization": "acme", "repositories": [shop]})
    assert gates_of(file, file.repositories[0]).counts_reviews is counts


@pytest.mark.parametrize("text", ["2026-12-01T06:00Z", "2026-12-01T07:00:00+01:00", "2026-12-01 06:00:00Z"])
def test_the_end_of_a_freeze_has_a_zone(text: str) -> None:
    assert Freeze(reason="migration", until=text).until == datetime(2026, 12, 1, 6, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (NamedEnvironment, {"name": "staging"}, "give one of branch and tags"),
        (
            NamedEnvironment,
            {"name": "staging", "branch": "main", "tags": "v*"},
            "give one of branch and tags",
        ),
        (NamedEnvironment, {"name": "staging", "branch": "env-*"}, "patterns belong in `branches`"),
        (NamedEnvironment, {"name": "staging", "branch": "!main"}, "patterns belong in `branches`"),
        (NamedEnvironment, {"name": "Staging", "branch": "main"}, "lower-case letters"),
        (NamedEnvironment, {"name": "staging-", "branch": "main"}, "lower-case letters"),
        (NamedEnvironment, {"name": "a" * 33, "branch": "main"}, "at most 32"),
        (NamedEnvironment, {"name": "staging", "branch": "main", "prereleases": True}, "is for tags"),
        (NamedEnvironment, {"name": "prod", "tags": "v*", "after": ["prod"]}, "cannot come after itself"),
        (NamedEnvironment, {"name": "prod", "tags": "refs/tags/v*"}, "the name of a branch or tag"),
        (Check, {"name": "policy"}, "give one of rego, run and terraform"),
        (Check, {"name": "policy", "rego": "/p", "run": "x"}, "give one of rego, run and terraform"),
        (Check, {"name": "policy", "rego": "policies"}, "an absolute path"),
        (Check, {"name": "policy", "terraform": "apply"}, "'validate' or 'fmt'"),
        (BuildStep, {"name": "image", "run": ""}, "it must be a command"),
        (EnvironmentTest, {"name": "smoke"}, "Field required"),
        (Approval, {"needed": 0}, "greater than or equal to 1"),
        (Approval, {"from": "boss"}, "'approver' or 'admin'"),
        (Approval, {"expires": "0s"}, "at least one second"),
        (Freeze, {"reason": " "}, "must not be empty"),
        (Freeze, {"reason": "a\nb"}, "one line"),
        (Freeze, {"reason": "move", "until": "2026-12-01T06:00"}, "with its zone"),
        (Freeze, {"reason": "move", "until": "tomorrow"}, "with its zone"),
        (Image, {"variable": "image", "image": "registry.example.com/shop:1", "tags": "*"}, "without a tag"),
        (Image, {"variable": "image", "image": "https://r.example.com/shop", "tags": "*"}, "without a tag"),
        (Image, {"variable": "image", "image": "shop", "tags": "*"}, "a registry's host"),
        (Image, {"variable": "tags", "image": "r.example.com/shop", "tags": "*"}, "envmgr sets"),
    ],
)
def test_mistakes_are_told(kind: type[Section], value: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as told:
        kind.model_validate(value)
    assert said in str(told.value)
