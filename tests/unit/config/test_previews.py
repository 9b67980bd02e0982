"""What the configuration may say of pull requests, and what comes of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from envmgr.composition.compose import Start, compose
from envmgr.config.sections.models import OrganizationFile
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.forge import PreviewRules
from envmgr.domain.values.names import RepositoryId

SHOP: dict[str, Any] = {
    "name": "shop",
    "url": "https://github.com/acme/shop.git",
    "forge": {
        "kind": "github",
        "token": "t0ken-of-shop",
        "context": "other",
        "roles": {"approver": ["carol", "id:7"]},
    },
}
CLOUD = {
    "url": "https://bitbucket.org/acme/shop.git",
    "forge": {"kind": "bitbucket", "token": "t0ken-of-shop"},
}


def organization(previews: dict[str, Any], **more: Any) -> OrganizationFile:
    """A file with these previews."""
    shop = {**SHOP, "previews": previews, **more.pop("shop", {})}
    return OrganizationFile.model_validate({"organization": "acme", "repositories": [shop], **more})


@pytest.mark.parametrize(
    ("previews", "more", "said"),
    [
        ({}, {"shop": {"forge": None}}, "nobody tells of pull requests without `forge`"),
        ({"when": {"forks": True}}, {}, "take forks, whose code nothing confines"),
        (
            {"when": {"forks": True}},
            {"cage": {"kind": "bwrap"}, "shop": {"cage": {"kind": "none"}}},
            "take forks, whose code nothing confines",
        ),
        (
            {},
            {"shop": {"environments": [{"name": "pr-7", "branch": "main"}]}},
            "environment pr-7 has a name that a pull request's may get",
        ),
        ({"name": "pr"}, {}, "{number} in it once"),
        ({"name": "a" * 23 + "{number}"}, {}, "has room for 10 digits"),
        (
            {"when": {"authors": ["id:{7b1d3e52}", "carol"]}},
            {"shop": CLOUD},
            "previews.when.authors: anybody may be called carol on Bitbucket Cloud; write id:{UUID}",
        ),
        ({"when": {"authors": ["permission:admin"]}}, {}, "`members` alone are those who may write"),
    ],
)
def test_mistakes_are_told(previews: dict[str, Any], more: dict[str, Any], said: str) -> None:
    """Before anything runs by them."""
    with pytest.raises(ValidationError) as told:
        organization(previews, **more)
    assert said in str(told.value)


@pytest.mark.parametrize(
    "more",
    [{"cage": {"kind": "bwrap"}}, {"shop": {"cage": {"kind": "bwrap"}}}],
    ids=["organization", "repository"],
)
def test_forks_may_be_taken_where_they_are_confined(more: dict[str, Any]) -> None:
    """Whoever says so."""
    assert organization({"when": {"forks": True}}, **more).repositories[0].previews is not None


@pytest.mark.parametrize(
    ("authors", "shop"), [(["id:{7b1d3e52}"], CLOUD), ("anyone", CLOUD), (["carol", "id:7"], {})]
)
def test_authors_are_known_by_what_is_theirs_alone(authors: Any, shop: dict[str, Any]) -> None:
    """By ID in Bitbucket's cloud, elsewhere also by login."""
    found = organization({"when": {"authors": authors}}, shop=shop).repositories[0].previews
    assert found is not None
    assert found.when.authors == (authors if authors == "anyone" else tuple(authors))


def test_what_is_said_reaches_the_repository_and_its_applications(tmp_path: Path) -> None:
    """Rules, roles, interval; and what is known of a pull request is read from the records."""
    config = tmp_path / "acme.yaml"
    previews = {"when": {"base": ["main"], "authors": ["bob"]}, "ttl": None, "limit": 3}
    shop = {**SHOP, "previews": previews, "applications": [{"name": "db"}]}
    file = OrganizationFile.model_validate({"organization": "acme", "repositories": [shop]})
    config.write_text(file.model_dump_json(exclude_unset=True))
    made = compose(Start(config=config, data_dir=tmp_path / "data", actor="daemon", environ={}))
    try:
        found = made.services.repositories[RepositoryId("acme", "shop")]
        wanted = PreviewRules(base=("main",), authors=("bob",), ttl=None, limit=3)
        for each in (found, found.applications["db"]):
            assert each.previews == wanted
            assert each.forge_rules.interval == timedelta(minutes=1)
            assert each.forge_rules.context == "other"
            assert each.forge_rules.members[Role.APPROVER] == ("carol", "id:7")
            assert each.pull(7) is None
        assert found.asked.previews is not None
        assert found.asked.previews.heads == "refs/pull/{number}/head"
    finally:
        made.close()
