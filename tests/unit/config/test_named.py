"""What is asked for a named environment, and what named environments may not be to each other."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from envmgr.composition.compose import Start, compose
from envmgr.config.expand import as_named, deploy_rules_of
from envmgr.config.sections.models import RepositorySection
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.environment import OriginKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId, matches_any

SHOP = {"name": "shop", "url": "https://git.example.com/acme/shop.git"}
STAGING: dict[str, Any] = {"name": "staging", "branch": "main"}
PRODUCTION: dict[str, Any] = {"name": "production", "tags": "v*", "after": ["staging"]}


def repository(*environments: dict[str, Any], **more: Any) -> RepositorySection:
    return RepositorySection.model_validate({**SHOP, "environments": environments, **more})


@pytest.mark.parametrize(
    ("environments", "more", "said"),
    [
        ([STAGING, STAGING], {}, "two environments staging"),
        ([PRODUCTION], {}, "comes after staging, which is not there; there is no other"),
        (
            [{**STAGING, "after": ["production"]}, PRODUCTION],
            {},
            "environments wait for each other: staging after production after staging",
        ),
        ([STAGING], {"branches": ["*"]}, '("!main")'),
        (
            [STAGING, {"name": "other", "branch": "main"}],
            {},
            "staging and other follow the same (branch main)",
        ),
        (
            [{"name": "one", "tags": "v*"}, {"name": "two", "tags": "v1.*"}],
            {},
            "one and two follow the same (tags v* and v1.*)",
        ),
        (
            [{**STAGING, "health": {"url": "{outputs.url}"}}],
            {"applications": [{"name": "db"}]},
            "take it out of environment staging",
        ),
    ],
)
def test_contradictions_are_told(environments: list[dict[str, Any]], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as told:
        repository(*environments, **more)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("environments", "more"),
    [
        ([STAGING, PRODUCTION], {}),
        ([STAGING], {"branches": ["*", "!main"]}),
        ([{"name": "test", "tags": "v*"}, {"name": "live", "tags": "v*", "after": ["test"]}], {}),
        ([{"name": "one", "tags": "api-*"}, {"name": "two", "tags": "web-*"}], {}),
        ([STAGING, PRODUCTION, {"name": "demo", "branch": "main", "after": ["production"]}], {}),
    ],
)
def test_what_follows_one_another_may_follow_the_same(
    environments: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    assert len(repository(*environments, **more).environments) == len(environments)


def test_what_an_environment_says_is_laid_over_its_repositorys() -> None:
    section = repository(
        {
            **PRODUCTION,
            "after": [],
            "protected": False,
            "variables": {"size": "large"},
            "drift": {"action": "correct"},
            "schedule": None,
            "health": {"url": "{outputs.url}", "expect": 204},
        },
        variables={"size": "small", "place": "here"},
        drift={"interval": "2h"},
        schedule={"up": "0 8 * * 1-5", "down": "0 19 * * 1-5"},
        deploy=[{"name": "start", "run": "make start"}],
        protected=["env-prod"],
    )
    found = as_named(section, section.environments[0])
    assert (found.branches, found.protected, found.environments) == (("v*",), (), ())
    assert found.variables == {"size": "large", "place": "here"}
    assert found.drift is not None
    assert (found.drift.action, found.drift.interval) == ("correct", timedelta(hours=2))
    assert found.schedule is None
    assert "schedule" in found.model_fields_set
    assert found.health is not None
    assert found.health.expect == 204
    assert found.deploy == section.deploy
    assert section.drift is not None
    assert section.drift.action == "report"


def test_null_means_that_it_has_none_of_it() -> None:
    """Of what its repository has: neither deploy nor health, and what is not healthy stays."""
    nothing = {"deploy": None, "on_destroy": None, "health": None, "on_unhealthy": None, "checks": None}
    section = repository(
        {**PRODUCTION, "after": [], **nothing},
        deploy=[{"name": "start", "run": "make start"}],
        on_destroy=[{"name": "stop", "run": "make stop"}],
        health={"url": "{outputs.url}"},
        on_unhealthy="previous",
        checks=[{"name": "layout", "terraform": "fmt"}],
    )
    found = as_named(section, section.environments[0])
    assert deploy_rules_of(found) == DeployRules()
    assert not found.checks


def test_a_whole_organization_asks_for_each_environment_what_is_its_own(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    staging = {**STAGING, "variables": {"size": "small"}, "deploy": [{"name": "start", "run": "true"}]}
    shop = {**SHOP, "environments": [staging, PRODUCTION], "variables": {"size": "none"}}
    (config / "acme.yaml").write_text(json.dumps({"organization": "acme", "repositories": [shop]}))
    runtime = compose(Start(config=config, data_dir=tmp_path / "data", actor="user ann", environ={}))
    found = runtime.services.repositories[RepositoryId("acme", "shop")]
    assert found.watched == ("env-*", "main")
    assert found.watched_tags == ("v*",)
    assert [(each.name, each.origin.kind) for each in found.asked.named] == [
        ("staging", OriginKind.BRANCH),
        ("production", OriginKind.TAG),
    ]
    of = {name: found.of(EnvironmentId("acme", "shop", name)) for name in ("alice", "staging", "production")}
    assert {name: each.variables["size"] for name, each in of.items()} == {
        "alice": "none",
        "staging": "small",
        "production": "none",
    }
    assert {name: each.policy.is_named for name, each in of.items()} == {
        "alice": False,
        "staging": True,
        "production": True,
    }
    assert [bool(each.policy.deploy) for each in of.values()] == [False, True, False]
    assert matches_any("v1.0", of["production"].policy.protected)
    assert found.may_have(EnvironmentId("acme", "shop", "production"), "v1.0")
    assert not found.may_have(EnvironmentId("acme", "shop", "production"), "main")
    assert not found.may_have(EnvironmentId("acme", "shop", "staging"), "env-staging")
