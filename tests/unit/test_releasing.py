"""What a forge runs, and what a release says of itself, agrees with what the project says elsewhere."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import envmgr

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
WORKFLOWS = CHECKOUT / ".github/workflows"


def pythons() -> list[str]:
    """The supported versions, oldest first."""
    found = (re.fullmatch(r".* :: (3\.\d+)", each) for each in PROJECT["classifiers"])
    return sorted((each[1] for each in found if each), key=lambda version: int(version.split(".")[1]))


def test_the_forge_calls_what_everybody_runs() -> None:
    job = YAML(typ="safe").load(WORKFLOWS / "ci.yml")["jobs"]["everything"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert (CHECKOUT / ".ci/run").stat().st_mode & 0o100


def test_the_oldest_and_the_newest_python_are_tested() -> None:
    job = YAML(typ="safe").load(WORKFLOWS / "ci.yml")["jobs"]["everything"]
    tested = [each["python"] for each in job["strategy"]["matrix"]["include"]]
    assert tested == [pythons()[0], pythons()[-1]]
    assert PROJECT["requires-python"] == f">={pythons()[0]}"


def test_nothing_is_released_that_was_not_tested() -> None:
    jobs = YAML(typ="safe").load(WORKFLOWS / "release.yml")["jobs"]
    assert jobs["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["release"]["needs"] == "tests"


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.iterdir()), ids=lambda path: path.name)
def test_a_workflow_may_write_only_where_it_says_so(workflow: Path) -> None:
    assert YAML(typ="safe").load(workflow)["permissions"] == {"contents": "read"}


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert PROJECT["version"] == envmgr.__version__


def test_the_changelog_has_one_section_for_what_is_not_released_and_it_comes_first() -> None:
    headings = re.findall(r"^## (.*)$", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert [heading for heading in headings if "unreleased" in heading.lower()] == ["[Unreleased]"]


def test_the_types_are_shipped_that_the_metadata_promises() -> None:
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (CHECKOUT / "envmgr/py.typed").is_file()
