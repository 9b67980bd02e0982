"""Listing remotes, healthy and not: path, file URL and HTTP through git's own server."""

import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient, UsageError
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.waiting import wait_for

MakeRepository = Callable[[str], GitRepository]
SHOP = RepositoryId("acme", "shop")
TAGGER = {"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com"}
HOSTILE = [
    "env-'quoted'",
    'env-"double"',
    "env-$(touch${IFS}pwned)",
    "env-;reboot",
    "env-`id`",
    "env-|cat",
    "env-ünïcödé-日本",
    "env-z/-rf",
    "env-@",
    "env-&&",
    "env-\u2028line",
    "env-" + "x" * 246,
]


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors", timeout=timedelta(seconds=20))


@pytest.fixture
def shop(git_repository: MakeRepository) -> GitRepository:
    repository = git_repository("shop")
    repository.commit("main", {"main.tf": "# nothing\n"})
    repository.commit("env-a", {"main.tf": "# a\n"})
    return repository


def remote(url: str, name: str = "shop", **more: str) -> Remote:
    return Remote(repository=RepositoryId("acme", name), url=url, **more)


def add_packed(repository: GitRepository, branches: list[bytes], commit: str) -> None:
    """Adds branches whatever their name and number, faster than git does."""
    with (repository.path / "packed-refs").open("ab") as file:
        file.writelines(b"%s refs/heads/%s\n" % (commit.encode(), branch) for branch in branches)


def pids_with(text: str) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (place / "cmdline").read_bytes():
                found.append(place.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", ["path", "path without .git", "file", "http"])
def test_branches_that_match_and_the_default_branch(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer, how: str
) -> None:
    shop.point(["team/env-1", "feature"], shop.head("main") or "")
    shop.git("tag", "env-tag", "main")
    url = {
        "path": shop.url,
        "path without .git": shop.url.removesuffix(".git"),
        "file": f"file://{shop.url}",
        "http": git_server.http_url("shop"),
    }[how]
    listing = mirrors.listing(remote(url), ["env-*"], None)
    assert listing.default_branch == "main"
    assert listing.branches == {"main": shop.head("main"), "env-a": shop.head("env-a")}


@pytest.mark.parametrize("over_http", [False, True])
def test_hostile_branch_names_are_data(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer, over_http: bool
) -> None:
    commit = shop.commit("env-seed", {"x": "y"})
    shop.point(HOSTILE, commit)
    add_packed(shop, [b"env-\xff\xfe"], commit)
    url = git_server.http_url("shop") if over_http else shop.url
    there = remote(url)
    listing = mirrors.listing(there, ["env-*"], "main")
    assert set(listing.branches) == {"main", "env-a", "env-seed", *HOSTILE}
    mirrors.fetch(there, listing.branches)
    assert mirrors.resolve(SHOP, commit) == commit
    assert {mirrors.resolve(SHOP, branch) for branch in HOSTILE} == {commit}
    mirrors.tidy(SHOP, HOSTILE[:6])
    assert {mirrors.resolve(SHOP, branch) for branch in HOSTILE[:6]} == {commit}
    with pytest.raises(UsageError):
        mirrors.resolve(SHOP, HOSTILE[-1])


def test_an_empty_repository_is_no_listing(mirrors: Mirrors, git_repository: MakeRepository) -> None:
    with pytest.raises(NeedsPerson, match="no branch at all"):
        mirrors.listing(remote(git_repository("shop").url), ["env-*"], None)


@pytest.mark.parametrize("over_http", [False, True])
def test_a_missing_default_branch_is_no_listing(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer, over_http: bool
) -> None:
    shop.delete("main")
    url = git_server.http_url("shop") if over_http else shop.url
    with pytest.raises(NeedsPerson, match="default branch"):
        mirrors.listing(remote(url), ["env-*"], "main")


def test_a_broken_ref_is_no_listing(mirrors: Mirrors, shop: GitRepository) -> None:
    (shop.path / "refs/heads/env-broken").write_text("no object name\n")
    with pytest.raises(Transient, match="env-broken"):
        mirrors.listing(remote(shop.url), ["env-*"], "main")


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_folder_that_is_not_there(mirrors: Mirrors, tmp_path: Path, prefix: str) -> None:
    with pytest.raises(NeedsPerson, match="there is no such repository"):
        mirrors.listing(remote(f"{prefix}{tmp_path}/nothing"), ["env-*"], None)


def test_a_folder_within_another_repository_is_not_that_repository(mirrors: Mirrors, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "around")], check=True)
    (tmp_path / "around/inner").mkdir()
    with pytest.raises(NeedsPerson, match="there is no such repository"):
        mirrors.listing(remote(str(tmp_path / "around/inner")), ["env-*"], None)


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ({"status": 403}, NeedsPerson, "refuses the credentials"),
        ({"status": 401}, NeedsPerson, "refuses the credentials"),
        ({"status": 404}, NeedsPerson, "check `url`"),
        ({"status": 500}, Transient, "500"),
        ({"status": 429}, Transient, "429"),
        ({"cut_after": 0}, Transient, "tried again"),
        ({"cut_after": 30}, Transient, "tried again"),
        ({"cut_after": 120}, Transient, "tried again"),
    ],
    ids=str,
)
def test_a_remote_that_fails(
    mirrors: Mirrors,
    shop: GitRepository,
    git_server: GitServer,
    fault: dict[str, int],
    kind: type[EnvmgrError],
    says: str,
) -> None:
    url = git_server.http_url("shop")
    git_server.fail("shop", **fault)  # type: ignore[arg-type]  # statuses and byte counts
    with pytest.raises(kind, match=says):
        mirrors.listing(remote(url), ["env-*"], "main")
    git_server.heal("shop")
    assert shop.head("env-a") in mirrors.listing(remote(url), ["env-*"], "main").branches.values()


def test_nobody_listens(mirrors: Mirrors) -> None:
    with pytest.raises(Transient, match="git says"):
        mirrors.listing(remote("http://127.0.0.1:9/shop.git"), ["env-*"], "main")


def test_a_hung_server_is_given_up_with_every_process_and_delays_nobody(
    tmp_path: Path, shop: GitRepository, git_server: GitServer
) -> None:
    mirrors = Mirrors(tmp_path / "mirrors", timeout=timedelta(seconds=6))
    git_server.fail("hung", hang=True)
    with ThreadPoolExecutor(4) as pool:
        hung = pool.submit(mirrors.listing, remote(git_server.http_url("hung"), "hung"), ["env-*"], None)
        others = [
            pool.submit(mirrors.listing, remote(git_server.http_url("shop")), ["env-*"], None)
            for _ in range(6)
        ]
        assert [len(other.result().branches) for other in others] == [2] * 6
        assert not hung.done()
        assert pids_with("/hung.git")
        with pytest.raises(Transient):
            hung.result(60)
    assert pids_with("/hung.git") == []


def test_what_ignores_sigterm_is_killed_with_its_children(
    tmp_path: Path, git_server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    stubborn = programs / "git"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM\nsleep 298.125 &\nwait\nsleep 298.125\n")
    stubborn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    mirrors = Mirrors(tmp_path / "mirrors", timeout=timedelta(seconds=0.5))
    with pytest.raises(Transient, match=r"within 0\.5 s"):
        mirrors.listing(remote(git_server.http_url("shop")), ["env-*"], None)
    wait_for(lambda: not pids_with("298.125"))  # on a busy machine who was killed is gone a moment later


def test_git_settings_of_a_surrounding_hook_are_not_taken(
    mirrors: Mirrors, shop: GitRepository, git_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = git_repository("other")
    other.commit("main", {})
    monkeypatch.setenv("GIT_DIR", other.url)
    monkeypatch.setenv("GIT_INDEX_FILE", f"{other.url}/index")
    monkeypatch.setenv("GIT_NAMESPACE", "other")
    listing = mirrors.listing(remote(shop.url), ["env-*"], None)
    assert set(listing.branches) == {"main", "env-a"}
    mirrors.fetch(remote(shop.url), {"env-a": listing.branches["env-a"]})
    assert mirrors.resolve(SHOP, "env-a") == shop.head("env-a")


class TestManyRefs:
    """A remote with thousands of refs is listed by a fetch that the server filters."""

    @pytest.fixture
    def url(self, shop: GitRepository, git_server: GitServer) -> str:
        add_packed(shop, [b"feature/%d" % i for i in range(5000)], shop.head("main") or "")
        return git_server.http_url("shop")

    def refs_seen(self, trace: Path) -> list[str]:
        lines = trace.read_text().splitlines() if trace.exists() else []
        return [
            line for line in lines if "< " in line and " refs/heads/" in line and "ref-prefix" not in line
        ]

    def test_only_wanted_refs_cross_the_wire(
        self, mirrors: Mirrors, shop: GitRepository, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = mirrors.listing(remote(url), ["env-*", "team/*/x"], None)
        trace = tmp_path / "trace"
        monkeypatch.setenv("GIT_TRACE_PACKET", str(trace))
        shop.commit("env-b", {"b": "b"})
        shop.commit("team/1/x", {"b": "b"})
        shop.commit("team/1/y", {"b": "b"})
        second = mirrors.listing(remote(url), ["env-*", "team/*/x"], first.default_branch)
        assert set(second.branches) == {"main", "env-a", "env-b", "team/1/x"}
        seen = self.refs_seen(trace)
        assert 4 <= len(seen) <= 12
        assert not any("feature" in line for line in seen)

    def test_tags_are_filtered_by_the_server_too_and_lead_to_commits(
        self, mirrors: Mirrors, shop: GitRepository, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        main = shop.head("main") or ""
        shop.tag("v1", main, "annotated")
        shop.git("tag", "v1-nested", "v1", "-m", "a tag of a tag", environment=TAGGER)
        shop.git("tag", "v-file", f"{main}:main.tf")
        for name in ("w1", "w2", "w3"):
            shop.tag(name, main)
        full = mirrors.listing(remote(url), ["env-*"], None, ["v*"]).tags
        trace = tmp_path / "trace"
        monkeypatch.setenv("GIT_TRACE_PACKET", str(trace))
        filtered = mirrors.listing(remote(url), ["env-*"], "main", ["v*"]).tags
        assert {n: t.commit for n, t in filtered.items()} == {"v1": main, "v1-nested": main}
        assert full.items() >= filtered.items()
        lines = [line for line in trace.read_text().splitlines() if "< " in line]
        assert any("refs/tags/v1" in line for line in lines)
        assert not any("refs/tags/w" in line for line in lines)
        shop.delete_tag("v1", "v1-nested")
        assert mirrors.listing(remote(url), ["env-*"], "main", ["v*"]).tags == {}

    def test_deleted_branches_go_and_a_folder_may_take_a_branchs_name(
        self, mirrors: Mirrors, shop: GitRepository, url: str
    ) -> None:
        mirrors.listing(remote(url), ["env-*"], None)
        mirrors.listing(remote(url), ["env-*"], "main")
        shop.delete("env-a")
        shop.commit("env-a/b", {"b": "b"})
        assert set(mirrors.listing(remote(url), ["env-*"], "main").branches) == {"main", "env-a/b"}

    def test_another_default_branch_is_noticed(self, mirrors: Mirrors, shop: GitRepository, url: str) -> None:
        mirrors.listing(remote(url), ["env-*"], None)
        shop.commit("trunk", {"b": "b"})
        shop.set_default_branch("trunk")
        assert mirrors.listing(remote(url), ["env-*"], "main").default_branch == "trunk"
        shop.delete("main")
        assert mirrors.listing(remote(url), ["env-*"], "main").default_branch == "trunk"

    def test_a_missing_default_branch_is_no_listing(
        self, mirrors: Mirrors, shop: GitRepository, url: str
    ) -> None:
        mirrors.listing(remote(url), ["env-*"], None)
        shop.delete("main")
        with pytest.raises(NeedsPerson, match="default branch"):
            mirrors.listing(remote(url), ["env-*"], "main")

    @pytest.mark.parametrize("fault", [{"status": 500}, {"cut_after": 60}], ids=str)
    def test_a_remote_that_fails_changes_nothing(
        self, mirrors: Mirrors, url: str, git_server: GitServer, fault: dict[str, int]
    ) -> None:
        mirrors.listing(remote(url), ["env-*"], None)
        before = mirrors.listing(remote(url), ["env-*"], "main")
        git_server.fail("shop", **fault)  # type: ignore[arg-type]  # statuses and byte counts
        with pytest.raises(Transient):
            mirrors.listing(remote(url), ["env-*"], "main")
        git_server.heal("shop")
        assert mirrors.listing(remote(url), ["env-*"], "main") == before


def test_credentials_reach_git_and_nothing_else(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer, tmp_path: Path
) -> None:
    password = "s3cr€t 'p$w\"`%41"
    git_server.protect("shop", "bot", password)
    there = remote(git_server.http_url("shop"), username="bot", password=password)
    leaks: list[str] = []
    done = threading.Event()
    watcher = threading.Thread(target=lambda: _watch(password, leaks, done))
    watcher.start()
    git_server.fail("shop", delay=0.1)
    listing = mirrors.listing(there, ["env-*"], None)
    mirrors.fetch(there, {"env-a": listing.branches["env-a"]})
    done.set()
    watcher.join()
    assert listing.branches["env-a"] == shop.head("env-a")
    assert leaks == []
    files = [p for p in (tmp_path / "mirrors").rglob("*") if p.is_file()]
    assert files
    assert not any(password.encode() in p.read_bytes() for p in files)


def _watch(secret: str, leaks: list[str], done: threading.Event) -> None:
    while not done.wait(0.02):
        leaks += pids_with(secret)


@pytest.mark.parametrize(
    "credentials", [{}, {"username": "bot", "password": "wr0ng-one"}], ids=["none", "wrong"]
)
def test_refused_credentials_are_a_sentence_without_them(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer, credentials: dict[str, str]
) -> None:
    git_server.protect("shop", "bot", "right")
    with pytest.raises(NeedsPerson, match="check `credentials`") as caught:
        mirrors.listing(remote(git_server.http_url("shop"), **credentials), ["env-*"], shop.default_branch)
    assert "wr0ng-one" not in str(caught.value)


def test_credentials_within_the_url_are_taken_out_of_it(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer
) -> None:
    git_server.protect("shop", "bot", "in/url")
    url = git_server.http_url("shop").replace("://", "://bot:in%2Furl@")
    assert mirrors.listing(remote(url), ["env-*"], None).branches["env-a"] == shop.head("env-a")
    git_server.protect("shop", "bot", "another")
    with pytest.raises(NeedsPerson, match="check `credentials`") as caught:
        mirrors.listing(remote(url), ["env-*"], None)
    assert "in%2F" not in str(caught.value)
    assert "in/url" not in str(caught.value)


def test_a_symbolic_ref_counts_as_a_branch(
    mirrors: Mirrors, shop: GitRepository, git_server: GitServer
) -> None:
    """Protocol v2 tells of each where it leads; any ordinary clone that is served has one besides HEAD."""
    shop.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    shop.git("symbolic-ref", "refs/heads/env-alias", "refs/heads/env-a")
    shop.git("symbolic-ref", "refs/heads/env-dangling", "refs/heads/nothing")
    for url in (shop.url, git_server.http_url("shop")):
        listing = mirrors.listing(remote(url), ["env-*"], None)
        assert listing.default_branch == "main"
        assert listing.branches == {
            "main": shop.head("main"),
            "env-a": shop.head("env-a"),
            "env-alias": shop.head("env-a"),
        }


def test_of_many_refs_one_that_cannot_be_fetched_fails_alone(
    tmp_path: Path, shop: GitRepository, git_server: GitServer
) -> None:
    """A file is missing at the server: pushes and deletions of all other branches are seen, and their commits come."""
    mirrors = Mirrors(tmp_path / "mirrors", timeout=timedelta(seconds=20), many_refs=2)
    there = remote(git_server.http_url("shop"))
    mirrors.listing(there, ["env-*"], "main")
    mirrors.listing(there, ["env-*"], "main")  # by a fetch
    bad = shop.commit("env-bad", {"lost": "this file gets lost"})
    lost = shop.git("rev-parse", f"{bad}:lost")
    (shop.path / "objects" / lost[:2] / lost[2:]).unlink()
    pushed = shop.commit("env-b", {"main.tf": "# b\n"})
    shop.delete("env-a")
    for _ in range(2):
        listing = mirrors.listing(there, ["env-*"], "main")
        assert listing.branches == {"main": shop.head("main"), "env-bad": bad, "env-b": pushed}
    mirrors.fetch(there, {"env-b": pushed})
    with pytest.raises(EnvmgrError, match="could not be fetched"):
        mirrors.fetch(there, {"env-bad": bad})
    git_server.fail("shop", status=500)
    with pytest.raises(Transient, match="could not be listed"):
        mirrors.listing(there, ["env-*"], "main")


PULLS = [
    "refs/pull/7/head",
    "refs/merge-requests/8/head",
    "refs/pull-requests/9/from",
    "refs/pull/10/head",
]


@pytest.mark.parametrize("how", ["path", "http", "filtered"])
def test_heads_of_pull_requests_are_seen_and_fetched_by_their_own_refs(
    tmp_path: Path, shop: GitRepository, git_server: GitServer, how: str
) -> None:
    """Of each kind of forge, those that are not there left out; what nobody needs any more goes."""
    mirrors = Mirrors(tmp_path / "mirrors", many_refs=0 if how == "filtered" else 500)
    there = remote(shop.url if how == "path" else git_server.http_url("shop"))
    commits = {ref: shop.commit(f"fork-{n}", {"x": str(n)}) for n, ref in enumerate(PULLS[:3])}
    for number, (ref, commit) in enumerate(commits.items()):
        shop.git("update-ref", ref, commit)
        shop.delete(f"fork-{number}")
    shop.git("update-ref", "refs/pull/7/merge", shop.head("main") or "")
    topic = shop.commit("topic", {"x": "topic"})
    shop.point(["topic-2"], topic)
    wanted = [*PULLS, "refs/heads/topic", "refs/heads/gone", "refs/heads/!odd"]

    def refs() -> object:
        return mirrors.listing(there, ["env-*"], "main", (), wanted).refs

    assert [refs(), refs()] == [{**commits, "refs/heads/topic": topic}] * 2
    for ref, commit in commits.items():
        mirrors.fetch(there, {ref: commit})
        assert mirrors.resolve(SHOP, commit) == commit
    pushed = shop.commit("again", {"x": "pushed"})
    shop.git("update-ref", PULLS[0], pushed)
    shop.git("update-ref", "-d", PULLS[1])
    assert refs() == {PULLS[0]: pushed, PULLS[2]: commits[PULLS[2]], "refs/heads/topic": topic}
    mirrors.tidy(SHOP, [PULLS[2]])
    kept = mirrors._mirror(SHOP).output(["for-each-ref", "--format=%(refname)"]).decode().split()
    there_still = {ref.removeprefix("refs/poll/pulls/") for ref in kept}
    assert there_still & {*PULLS} == {PULLS[2]}
