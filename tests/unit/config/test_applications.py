"""Several applications in an organization file: in order, or refused with a sentence."""

from pathlib import Path
from typing import Any

import pytest

from envmgr.config.expand import deploy_rules_of
from envmgr.config.load import ConfigurationError, load
from envmgr.config.sections.application import Application, in_order
from envmgr.config.sections.models import RepositorySection

HEAD = "organization: acme\nrepositories:\n  - name: shop\n    url: /srv/git/shop.git\n"


def loaded(folder: Path, lines: str) -> RepositorySection:
    """The repository of an organization file with these further lines."""
    (folder / "acme.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in lines.splitlines()))
    return load(folder).organizations[0].repositories[0]


def refusal(folder: Path, lines: str) -> str:
    """What is wrong with these lines: the one sentence, without its place."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(folder, lines)
    [line] = raised.value.problems
    return line.split(": ", 2)[2]


def test_they_are_applied_after_what_they_need_whatever_order_they_are_written_in(tmp_path: Path) -> None:
    written = "applications: [{name: web, needs: [api, db]}, {name: api, needs: [db]}, {name: db}]"
    shop = loaded(tmp_path, written)
    assert [application.name for application in in_order(shop.applications)] == ["db", "api", "web"]


@pytest.mark.parametrize(
    ("application", "directory"),
    [
        ({}, "api/terraform"),
        ({"folder": "services/api"}, "services/api/terraform"),
        ({"folder": "."}, "terraform"),
        ({"terraform": {"directory": "infra/api"}}, "infra/api"),
        ({"terraform": {"module": "aws-environment"}}, "aws-environment"),
    ],
)
def test_the_code_is_below_its_folder_unless_it_is_said(application: dict[str, Any], directory: str) -> None:
    found = Application.model_validate({"name": "api", **application})
    assert found.terraform.path_in(found.place) == directory


def test_each_has_deploy_and_health_of_its_own(tmp_path: Path) -> None:
    shop = loaded(
        tmp_path,
        "applications:\n  - name: api\n    deploy: [{name: build, run: make}]\n    health: {url: http://x}\n  - name: db",
    )
    api, db = map(deploy_rules_of, shop.applications)
    assert ([step.name for step in api.steps], api.health is not None) == (["build"], True)
    assert db.digest == ""


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "terraform: {directory: infra}\nhealth: {url: http://x}\napplications: [{name: api}]",
            "with applications each of these has its own terraform and health; move it there, or remove applications",
        ),
        (
            "applications: [{name: api, needs: [bd]}, {name: db}]",
            "applications: api needs bd, which is not one of them; there are api, db",
        ),
        (
            "applications: [{name: web, needs: [api]}, {name: api, needs: [db]}, {name: db, needs: [web]}]",
            "applications: db needs web needs api needs db; remove one of these needs",
        ),
        (
            "applications: [{name: api, needs: [api]}]",
            "applications: api needs api; remove one of these needs",
        ),
        ("applications: [{name: api}, {name: api}]", "applications: two have the same name; rename one"),
        (
            "applications: [{name: 9lives}]",
            "it must be a name of lower-case letters, digits and `-`, beginning with a letter, at most 32 long",
        ),
        (
            "allow_branch_deploy: true\napplications: [{name: api}]",
            "with applications a branch's file cannot say whose deploy it means; remove allow_branch_deploy",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, lines: str, sentence: str) -> None:
    found = refusal(tmp_path, lines)
    if "needs web" in sentence:  # a circle may be told from any of its applications
        circles = (
            "web needs api needs db needs web",
            "api needs db needs web needs api",
            "db needs web needs api needs db",
        )
        assert any(circle in found for circle in circles)
    else:
        assert found == sentence
