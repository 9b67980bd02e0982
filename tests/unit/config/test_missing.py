"""What a file names on this host that is not there is said, where that can be known."""

from pathlib import Path
from typing import Any

import pytest

from envmgr.config.missing import missing
from envmgr.config.sections.models import OrganizationFile


def said(**fields: Any) -> dict[str, str]:
    """All of it by its place in the file."""
    shop = {"name": "shop", "url": "/srv/git/shop.git", **fields.pop("shop", {})}
    model = OrganizationFile.model_validate({"organization": "acme", "repositories": [shop], **fields})
    return {".".join(map(str, path)): sentence for path, sentence in missing(model)}


def policy(path: Path) -> list[dict[str, str]]:
    """One check by what is there."""
    return [{"name": "policy", "rego": str(path)}]


def test_a_policy_that_is_not_there_is_named_with_what_follows(tmp_path: Path) -> None:
    """Of a repository, and of a named environment."""
    named = {"name": "production", "branch": "main", "checks": policy(tmp_path / "two")}
    found = said(shop={"checks": policy(tmp_path / "one"), "environments": [named]})
    assert found == {
        f"repositories.0.{place}checks.0.rego": f"{tmp_path / name}: there is no such file or folder, on this host; "
        "until there is, this check lets no plan through"
        for place, name in (("", "one"), ("environments.0.", "two"))
    }


def test_a_folder_without_policies_is_none(tmp_path: Path) -> None:
    """One file in it, however deep, is enough."""
    assert "there is no file *.rego in it" in str(said(shop={"checks": policy(tmp_path)}))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.rego").write_text("package envmgr\n")
    assert said(shop={"checks": policy(tmp_path)}) == {}
    assert said(shop={"checks": policy(tmp_path / "deep/a.rego")}) == {}


def test_whatever_else_is_named_is_looked_for_too(tmp_path: Path) -> None:
    """What Terraform and a forge are used with."""
    absent, forge = str(tmp_path / "absent"), {"kind": "github", "url": "https://github.example.com"}
    found = said(
        terraform={"version": "~> 1.11", "keys": [absent], "cli_config": absent},
        shop={"forge": {**forge, "repository": "acme/shop", "token": "x", "authorities": absent}},
    )
    assert set(found) == {"terraform.keys.0", "terraform.cli_config", "repositories.0.forge.authorities"}
    assert all("there is no such file, on this host" in each for each in found.values())


def test_what_may_not_be_seen_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's own user may look where who checks may not."""

    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    assert said(shop={"checks": policy(tmp_path / "one")}) == {}
