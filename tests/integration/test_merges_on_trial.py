"""Where git is shown only a merge on trial of a pull request: its second parent is the head, and nothing else is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.forge import PreviewRules
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.origins.named import Asked
from envmgr.domain.values.origins.previews import AskedPreviews
from envmgr.engine.reconcile.listing import headed
from envmgr.ports import Remote
from tests.support.git_repository import GitRepository

SHOP, REF = RepositoryId("acme", "shop"), "refs/pull/7/merge"
_NAMED = {
    f"GIT_{who}_{what}": "forge@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


class Merged:
    """A repository, its mirror, and a ref of a pull request."""

    def __init__(self, folder: Path) -> None:
        self.git = GitRepository.create(folder / "shop.git")
        self.main = self.git.commit("main", {"README": "shop"})
        self.head = self.git.commit("topic", {"app.py": "1"})
        self.services = cast(Any, SimpleNamespace(git=Mirrors(folder / "mirrors")))
        previews = AskedPreviews(rules=PreviewRules(), heads="refs/pull/{number}/merge", are_merges=True)
        remote = Remote(repository=SHOP, url=str(self.git.path))
        self.repository = cast(
            Any, SimpleNamespace(id=SHOP, asked=Asked(previews=previews), remote=lambda: remote)
        )

    def merge(self, *parents: str) -> str:
        """A commit with these parents at the ref."""
        named = [word for parent in parents for word in ("-p", parent)]
        tree = self.git.git("rev-parse", f"{self.head}^{{tree}}").strip()
        made = self.git.git("commit-tree", tree, *named, "-m", "merge", environment=_NAMED).strip()
        self.git.git("update-ref", REF, made)
        return made

    def head_of(self, merge: str) -> str | None:
        """What a listing that shows this says of the head."""
        listing = Listing("main", {"main": self.main}, refs={REF: merge, "refs/heads/topic": self.head})
        found = headed(self.services, self.repository, listing)
        assert found.refs["refs/heads/topic"] == self.head
        return found.refs.get(REF)


@pytest.fixture
def merged(tmp_path: Path) -> Merged:
    """With a branch to be merged."""
    return Merged(tmp_path)


def test_the_second_parent_is_the_head(merged: Merged) -> None:
    """Whatever the merge itself has in it."""
    assert merged.head_of(merged.merge(merged.main, merged.head)) == merged.head


def test_what_is_no_merge_of_two_has_no_head(merged: Merged) -> None:
    """An octopus, a plain commit, one without any parent."""
    other = merged.git.commit("other", {"x": "1"})
    assert merged.head_of(merged.merge(merged.main, merged.head, other)) is None
    assert merged.head_of(merged.merge(merged.head)) is None
    assert merged.head_of(merged.merge()) is None


def test_one_that_was_replaced_meanwhile_has_no_head(merged: Merged) -> None:
    """The next listing shows the new one."""
    first = merged.merge(merged.main, merged.head)
    second = merged.git.commit("topic", {"app.py": "2"})
    merged.merge(merged.main, second)
    merged.git.git("gc", "--quiet", "--prune=now")
    assert merged.head_of(first) is None
