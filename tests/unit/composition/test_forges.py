"""Repositories and their forges: who shares what."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.composition.forges.parts import Shared
from envmgr.composition.forges.wiring import forge_of
from envmgr.config.sections.forge.forge import Forge
from envmgr.domain.errors import RetryLater
from envmgr.domain.values.names import RepositoryId
from tests.support.in_memory.engine import MemoryEngine

TOKEN = {"file": "/etc/envmgr/token"}


def account(shared: dict[object, Shared], remote: str, forge: Mapping[str, object]) -> str:
    """As whom a repository's forge is asked."""
    return forge_of(Forge.model_validate(forge), remote, {}, shared).account


def test_the_same_forge_and_token_are_shared() -> None:
    """Another token, address or owner of an App's installation is another budget."""
    shared: dict[object, Shared] = {}
    app = {"id": "Iv1", "key": {"file": "/etc/envmgr/app.pem"}}
    asked: dict[str, tuple[str, dict[str, object]]] = {
        "one": ("https://github.com/acme/shop.git", {"kind": "github", "token": TOKEN}),
        "same": ("git@github.com:acme/api.git", {"kind": "github", "token": TOKEN}),
        "token": ("https://github.com/acme/web.git", {"kind": "github", "token": {"env": "TOKEN"}}),
        "server": ("https://git.example.com/acme/shop.git", {"kind": "github", "token": TOKEN}),
        "literal": ("https://github.com/acme/shop.git", {"kind": "github", "token": "literal-secret"}),
        "app": ("https://github.com/acme/shop.git", {"kind": "github", "app": app}),
        "owner": ("https://github.com/other/shop.git", {"kind": "github", "app": app}),
    }
    accounts = {name: account(shared, remote, forge) for name, (remote, forge) in asked.items()}
    assert accounts["one"] == accounts["same"]
    assert len({*accounts.values()}) == len(accounts) - 1
    assert len(shared) == len(accounts) - 1 + 1  # and the App itself, which only asks for tokens
    assert not any("literal-secret" in each for each in accounts.values())


def test_a_reload_keeps_what_a_forge_wants_and_what_is_counted(tmp_path: Path) -> None:
    """One that asked to wait is not asked sooner, for another repository of the token neither; a token that is used no more is forgotten."""
    before = composed(tmp_path, {"repository": "acme/shop", "token": TOKEN})
    (known,) = before.services.forge_accounts.values()
    known.budget.limited({"retry-after": "900"})
    before.services.forge_tally.looked(RepositoryId("acme", "shop"), succeeded=False)
    try:
        after = composed(tmp_path, {"repository": "acme/moved", "token": TOKEN}, before)
        (kept,) = after.services.forge_accounts.values()
        assert kept is not known
        assert kept.budget is known.budget
        assert dict(after.services.forge_tally.failing) == {RepositoryId("acme", "shop"): 1}
        found = after.services.repositories[RepositoryId("acme", "shop")].forge
        assert found is not None
        with pytest.raises(RetryLater, match="asked again in 900 s"):
            found.open_pull_requests()
        other = composed(tmp_path, {"repository": "acme/shop", "token": {"env": "OTHER"}}, after)
        assert [each.budget is known.budget for each in other.services.forge_accounts.values()] == [False]
    finally:
        before.services.store.close()


def composed(folder: Path, forge: Mapping[str, object], before: Runtime | None = None) -> Runtime:
    """By a file with one repository on this forge; with one `before` as after a reload."""
    shop = {
        "name": "shop",
        "url": "/srv/git/shop.git",
        "forge": {"kind": "github", "url": "https://github.example.com", **forge},
    }
    config = folder / "acme.yaml"
    config.write_text(json.dumps({"organization": "acme", "repositories": [shop]}))
    return compose(Start(config=config, data_dir=folder / "data", actor="daemon", environ={}), before)


def test_nothing_is_read_or_loaded_before_it_is_asked() -> None:
    """A secret that is missing is told by the call that needs it."""
    forge = forge_of(
        Forge.model_validate({"kind": "github", "token": {"env": "NONE"}}), "git@github.com:a/b", {}, {}
    )
    with pytest.raises(Exception, match=r"The secret \{env: NONE\} is missing"):
        forge.open_pull_requests()


def test_what_a_section_says_of_telling_it_arrives(tmp_path: Path) -> None:
    """Also with previews beside it."""
    engine = MemoryEngine(tmp_path)
    forge = {"kind": "github", "url": "https://github.example.com", "repository": "acme/shop", "token": TOKEN}
    engine.repository(forge={**forge, "context": "team-a", "comments": False})
    rules = engine.application.services.repositories[RepositoryId("acme", "shop")].forge_rules
    assert (rules.context, rules.comments) == ("team-a", False)
