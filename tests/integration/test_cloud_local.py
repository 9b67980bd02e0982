"""Local environments by their marks, as the module writes them."""

import json
import re
from pathlib import Path

import pytest

from envmgr.adapters.cloud.local import LocalEnvironments
from envmgr.domain.audit.inventory import LOCAL_ROOT
from envmgr.domain.errors import NeedsPerson

TAGS = {"environment": "alice", "project": "shop", "organization": "acme", "managed-by": "envmgr"}
OURS = {"organization": "acme", "managed-by": "envmgr"}


def mark(root: Path, name: str, **tags: str) -> str:
    """A folder with the mark of an environment."""
    folder = root / "acme" / "shop" / name
    folder.mkdir(parents=True)
    (folder / "envmgr.json").write_text(json.dumps({"tags": {**TAGS, "environment": name, **tags}}))
    return str(folder)


def at(*roots: Path) -> LocalEnvironments:
    """The places to look below."""
    return LocalEnvironments({str(root): False for root in roots}, None)


def test_marks_below_every_root(tmp_path: Path) -> None:
    """By their tags, not by the folder's name; without a mark, and elsewhere, is nothing of ours."""
    one, two = tmp_path / "one", tmp_path / "two"
    alice, bob = mark(one, "alice"), mark(two, "bob")
    moved = mark(two, "moved", environment="alice")
    mark(two, "foreign", organization="other")
    (one / "acme" / "shop" / "bare").mkdir()
    (one / "acme" / "envmgr.json").write_text(json.dumps({"tags": TAGS}))

    found = dict(at(one, two, tmp_path / "none").tagged(OURS))

    assert {folder: tags["environment"] for folder, tags in found.items()} == {
        alice: "alice", bob: "bob", moved: "alice",
    }  # fmt: skip
    assert sorted(at(one, two).remaining(TAGS)) == sorted([alice, moved])


def test_home_and_the_module_s_own_default(tmp_path: Path) -> None:
    """As Terraform expands it; without a home nobody knows."""
    alice = mark(tmp_path / LOCAL_ROOT[2:], "alice")
    assert LocalEnvironments({"": False}, str(tmp_path)).remaining(TAGS) == [alice]
    with pytest.raises(NeedsPerson, match="HOME"):
        LocalEnvironments({"": False}, None)
    variables = (Path(__file__).parents[2] / "terraform_modules/local-environment/variables.tf").read_text()
    root = re.search(r'variable "root".*?default += "([^"]+)"', variables, re.DOTALL)
    assert root is not None
    assert root[1] == LOCAL_ROOT


def test_links_are_not_followed(tmp_path: Path) -> None:
    """They may lead to anybody's folders."""
    mark(tmp_path / "elsewhere", "alice")
    (tmp_path / "root" / "acme").mkdir(parents=True)
    (tmp_path / "root" / "acme" / "shop").symlink_to(tmp_path / "elsewhere" / "acme" / "shop")
    assert at(tmp_path / "root").tagged(OURS) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"tags": 1}', "[" * 100_000, '{"tags": {"a": "' + "x" * 70_000]
)
def test_a_mark_that_cannot_be_read_is_not_nothing(tmp_path: Path, text: str) -> None:
    """Anybody may write there."""
    folder = Path(mark(tmp_path, "alice"))
    (folder / "envmgr.json").write_text(text)
    with pytest.raises(NeedsPerson, match=re.escape(str(folder))):
        at(tmp_path).remaining(TAGS)


def test_a_root_in_which_something_was_made_must_be_there(tmp_path: Path) -> None:
    """A disk may not be mounted, or be closed to us."""
    with pytest.raises(NeedsPerson, match="is missing"):
        LocalEnvironments({str(tmp_path / "disk"): True}, None).tagged(OURS)
    with pytest.raises(ValueError, match="without tags"):
        at(tmp_path).tagged({})
