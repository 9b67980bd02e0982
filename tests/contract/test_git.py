"""What the port `Git` promises, of git's own processes and of the remotes in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import NeedsPerson, NotHere, Transient, UsageError
from envmgr.domain.values.environment import Source, SourceKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Git, Remote
from tests.support.git_repository import GitRepository
from tests.support.in_memory.git import MemoryGit, MemoryRepository

SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
UNKNOWN = "1" * 40


class Pushed(Protocol):
    """A remote that a test pushes to."""

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "Change") -> str: ...

    def force_push(self, branch: str, files: Mapping[str, str | None], message: str = "Rewrite") -> str: ...

    def delete(self, *branches: str) -> None: ...

    def tag(self, name: str, commit: str, message: str | None = None, at: int | None = None) -> None: ...

    def delete_tag(self, *names: str) -> None: ...


@dataclass
class Trial:
    """An adapter, a remote with a default branch, and how that goes away."""

    git: Git
    shop: Pushed
    remote: Remote
    go_away: Callable[[], None]

    def pushed(self, branch: str, files: Mapping[str, str | None]) -> str:
        """A commit that is in the mirror."""
        commit = self.shop.commit(branch, files)
        self.git.fetch(self.remote, {branch: commit})
        return commit

    def tree(self, commit: str) -> str | None:
        """What its Terraform folder is known by."""
        return self.git.inspect(SHOP, commit, "terraform", "absent", 10).tree


def _real(request: pytest.FixtureRequest) -> Trial:
    repository = request.getfixturevalue("git_repository")("shop")
    server, folder = request.getfixturevalue("git_server"), request.getfixturevalue("tmp_path")
    assert isinstance(repository, GitRepository)
    return Trial(
        Mirrors(folder / "mirrors"),
        repository,
        Remote(repository=SHOP, url=server.http_url("shop")),
        lambda: server.fail("shop", status=503),
    )


def _in_memory(request: pytest.FixtureRequest) -> Trial:
    del request
    repository = MemoryRepository("memory:shop")

    def go_away() -> None:
        repository.is_away = True

    return Trial(MemoryGit(repository), repository, Remote(repository=SHOP, url=repository.url), go_away)


@pytest.fixture(params=[_real, _in_memory], ids=["git", "memory"])
def empty(request: pytest.FixtureRequest) -> Trial:
    """One whose remote nobody has pushed to."""
    made: Trial = request.param(request)
    return made


@pytest.fixture
def trial(empty: Trial) -> Trial:
    """One whose remote has a default branch."""
    empty.shop.commit("main", {"README.md": "hello", "terraform/main.tf": "one"})
    return empty


# --- remotes -------------------------------------------------------------------------------------


def test_a_listing_shows_the_default_branch_and_all_that_match(trial: Trial) -> None:
    commits = {name: trial.shop.commit(name, {"x": name}) for name in ("env-a", "env-b")}
    found = trial.git.listing(trial.remote, ["env-*"], None)
    assert found.default_branch == "main"
    assert found.branches.items() >= commits.items()
    assert "main" in found.branches
    trial.shop.delete("env-a")
    assert "env-a" not in trial.git.listing(trial.remote, ["env-*"], "main").branches


def test_tags_are_listed_where_a_pattern_asks_with_the_commits_that_they_lead_to(trial: Trial) -> None:
    first, second = (trial.shop.commit("main", {"x": text}) for text in "12")
    trial.shop.tag("v1.0.0", first, "The first")
    trial.shop.tag("v1.1.0", second)
    trial.shop.tag("other", second)
    assert trial.git.listing(trial.remote, ["env-*"], None).tags == {}
    found = trial.git.listing(trial.remote, ["env-*"], None, ["v*"]).tags
    assert {name: tag.commit for name, tag in found.items()} == {"v1.0.0": first, "v1.1.0": second}
    assert [found[name].object == found[name].commit for name in ("v1.0.0", "v1.1.0")] == [False, True]
    trial.shop.tag("v1.0.0", first, "The first, said otherwise")
    again = trial.git.listing(trial.remote, ["env-*"], None, ["v*"]).tags["v1.0.0"]
    assert again.commit == first
    assert again.object != found["v1.0.0"].object
    trial.shop.delete_tag("v1.1.0")
    assert set(trial.git.listing(trial.remote, ["env-*"], None, ["v*"]).tags) == {"v1.0.0"}


def test_a_tags_commit_is_fetched_by_its_ref_and_says_when_it_was_made(trial: Trial) -> None:
    lost = trial.shop.commit("gone", {"x": "1"})
    trial.shop.tag("nightly", lost, "A night", at=1_700_000_000)
    trial.shop.delete("gone")
    trial.git.fetch(trial.remote, {"refs/tags/nightly": lost})
    assert trial.git.resolve(SHOP, lost) == lost
    found = trial.git.listing(trial.remote, [], None, ["*"]).tags
    times = trial.git.tag_times(trial.remote, found)
    assert times == {"nightly": datetime.fromtimestamp(1_700_000_000, UTC)}
    trial.shop.tag("nightly", trial.shop.commit("main", {"y": "2"}))
    with pytest.raises(NotHere):
        trial.git.fetch(trial.remote, {"refs/tags/nightly": UNKNOWN})


def test_no_listing_says_less_than_the_remote_has(empty: Trial) -> None:
    """An empty remote needs a person, one that does not answer passes."""
    with pytest.raises(NeedsPerson):
        empty.git.listing(empty.remote, ["env-*"], None)
    empty.go_away()
    with pytest.raises(Transient):
        empty.git.listing(empty.remote, ["env-*"], None)


def test_what_is_in_the_mirror_costs_no_network(trial: Trial) -> None:
    commit = trial.pushed("env-a", {"x": "1"})
    trial.go_away()
    trial.git.fetch(trial.remote, {"env-a": commit})
    with pytest.raises(Transient):
        trial.git.fetch(trial.remote, {"env-a": UNKNOWN})


def test_a_branch_that_moved_on_is_not_here(trial: Trial) -> None:
    lost = trial.shop.commit("env-a", {"x": "1"})
    trial.shop.force_push("env-a", {"x": "2"})
    with pytest.raises(NotHere):
        trial.git.fetch(trial.remote, {"env-a": lost})
    with pytest.raises(NotHere):
        trial.git.inspect(SHOP, lost, None, "x", 10)


# --- commits -------------------------------------------------------------------------------------


def test_a_commit_is_read(trial: Trial) -> None:
    commit = trial.pushed("env-a", {"terraform/main.tf": "two", "notes.txt": "n"})
    found = trial.git.inspect(SHOP, commit, "terraform", "notes.txt", 100)
    assert found.file == trial.git.read_file(SHOP, commit, "notes.txt", 100) == b"n"
    assert found.tree == trial.tree(commit)
    assert found.info.commit == commit
    assert (found.info.author, found.info.subject) == ("Test", "Change")
    assert trial.git.resolve(SHOP, commit[:12]) == commit
    nothing = trial.git.inspect(SHOP, commit, "elsewhere", "absent", 100)
    assert (nothing.tree, nothing.file) == (None, None)


def test_what_cannot_be_read_needs_a_person(trial: Trial) -> None:
    commit = trial.pushed("env-a", {"big": "x" * 11})
    for path, limit in (("big", 10), ("terraform", 100)):
        with pytest.raises(NeedsPerson):
            trial.git.read_file(SHOP, commit, path, limit)
    with pytest.raises(UsageError):
        trial.git.resolve(SHOP, UNKNOWN)


def test_a_folder_is_known_by_its_content(trial: Trial) -> None:
    one = trial.pushed("env-a", {"terraform/main.tf": "two"})
    same = trial.pushed("env-a", {"app.py": "x"})
    other = trial.pushed("env-a", {"terraform/main.tf": "three"})
    trees = [trial.tree(commit) for commit in (one, same, other)]
    assert trees[0] == trees[1] != trees[2]
    assert trial.git.changed(SHOP, one, same) == frozenset({"app.py"})
    assert trial.git.changed(SHOP, one, other) == frozenset({"app.py", "terraform/main.tf"})
    assert trial.git.changed(SHOP, UNKNOWN, other) is None


def test_histories_are_told_apart(trial: Trial) -> None:
    first = trial.pushed("env-a", {"x": "1"})
    second = trial.pushed("env-a", {"x": "2"})
    assert trial.git.holds(SHOP, second, first)
    assert not trial.git.holds(SHOP, first, second)
    assert trial.git.is_related(SHOP, second, [first])
    assert not trial.git.is_related(SHOP, second, [UNKNOWN])
    other = trial.shop.force_push("env-b", {"x": "3"})
    trial.git.fetch(trial.remote, {"env-b": other})
    assert not trial.git.holds(SHOP, other, first)
    assert not trial.git.is_related(SHOP, other, [first])
    with pytest.raises(NotHere):
        trial.git.holds(SHOP, UNKNOWN, first)


# --- files ---------------------------------------------------------------------------------------


def shown(folder: Path) -> dict[str, str]:
    """The files below a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_checkout_holds_exactly_the_commits_files(trial: Trial, tmp_path: Path) -> None:
    first = trial.pushed("env-a", {"terraform/main.tf": "two", "gone": "g"})
    second = trial.pushed("env-a", {"gone": None})
    place = tmp_path / "checkout"
    trial.git.checkout(SHOP, first, place)
    (place / "left.txt").write_text("by somebody")
    trial.git.checkout(SHOP, second, place)
    assert shown(place) == {"README.md": "hello", "terraform/main.tf": "two"}
    trial.git.checkout(SHOP, second, place, "terraform")
    assert shown(place) == {"terraform/main.tf": "two"}


def test_what_was_exported_needs_no_mirror(trial: Trial, tmp_path: Path) -> None:
    commit = trial.pushed("env-a", {"terraform/main.tf": "two"})
    tree = trial.tree(commit)
    assert tree is not None
    source = Source(SourceKind.DIRECTORY, "terraform", tree, "terraform")
    pack, no_pack = tmp_path / "pack", tmp_path / "none"
    trial.git.export(SHOP, commit, "terraform", pack)
    no_pack.write_bytes(b"no pack")
    trial.git.unpack(pack, commit, source, tmp_path / "unpacked")
    assert shown(tmp_path / "unpacked") == {"terraform/main.tf": "two"}
    other = Source(SourceKind.DIRECTORY, "terraform", "2" * 40, "terraform")
    for content, wanted in ((pack, other), (no_pack, source)):
        with pytest.raises(NeedsPerson):
            trial.git.unpack(content, commit, wanted, tmp_path / "refused")


# --- keeping -------------------------------------------------------------------------------------


def test_a_kept_commit_outlives_its_branch(trial: Trial) -> None:
    commit = trial.pushed("env-a", {"x": "1"})
    trial.git.keep(ALICE, commit, commit)
    trial.shop.delete("env-a")
    trial.git.tidy(SHOP, [])
    assert trial.git.keeping(SHOP) == [ALICE]
    assert trial.git.read_file(SHOP, commit, "x", 10) == b"1"
    trial.git.let_go(ALICE)
    trial.git.let_go(ALICE)
    assert trial.git.keeping(SHOP) == []
    with pytest.raises(NotHere):
        trial.git.keep(ALICE, UNKNOWN, UNKNOWN)
