"""The head of a fork is approved by any door: by role, and just the commit that was shown."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Status
from envmgr.domain.values.forge import PreviewRules
from tests.support.command_line import envmgr, on_host
from tests.support.in_memory.previews import CAGED, PreviewWorld
from tests.support.in_memory.rules import SHOP

from .conftest import Site

WAITING, APPROVE = "/pull-requests", "/pull-requests/acme/shop/7/approve"


@pytest.fixture
def fork(tmp_path: Path) -> PreviewWorld:
    """A pull request from a fork, where these may have environments: nothing of it was run."""
    world = PreviewWorld(tmp_path, PreviewRules(forks=True), cage=CAGED)
    world.opens(head="main", is_from_fork=True)
    world.both(2)
    assert not world.previews()
    return world


@pytest.fixture
def site(fork: PreviewWorld) -> Site:
    """What serves it."""
    return Site(fork)


def head(fork: PreviewWorld) -> str:
    """Where the forge's own ref is."""
    return fork.shop.pulls["refs/pull/7/head"]


class TestApi:
    """`/pull-requests`."""

    def test_the_commit_that_was_shown_is_run(self, fork: PreviewWorld, site: Site) -> None:
        """Once: sent again it is no news; and it waits no more."""
        (found,) = site.asks("GET", WAITING, Role.VIEWER).json()["items"]
        assert (found["environment"], found["author"], found["commit"]) == ("pr-7", "alice", head(fork))
        assert found["approved_commit"] is None
        for _ in range(2):
            done = site.asks("POST", APPROVE, Role.APPROVER, {"commit": found["commit"]})
            assert (done.status_code, done.json()["approved_commit"]) == (200, head(fork))
            assert done.json()["approved_by"].startswith("token approver")
        approved = [e for e in fork.store.events(None) if e.action == "approved"]
        assert [(e.commit, e.actor) for e in approved] == [(head(fork), done.json()["approved_by"])]
        assert list(fork.store.hooks.hints.waiting()) == [SHOP]
        assert site.asks("GET", WAITING).json()["items"] == []
        fork.both()
        assert fork.environment("pr-7").applied.commit == head(fork)

    def test_a_head_that_moved_on_is_refused(self, fork: PreviewWorld, site: Site) -> None:
        """Nothing is run, neither the one that was seen nor the one that is there."""
        seen = head(fork)
        fork.pushes(is_from_fork=True)
        fork.look()
        refused = site.asks("POST", APPROVE, Role.APPROVER, {"commit": seen})
        assert refused.status_code == 409
        assert head(fork) in refused.json()["detail"]
        fork.both(2)
        assert not fork.previews()

    def test_a_push_that_nobody_saw_yet_is_not_run(self, fork: PreviewWorld, site: Site) -> None:
        """What the forge told of last was approved; what git has by then is another."""
        seen = head(fork)
        fork.pushes(is_from_fork=True)
        assert site.asks("POST", APPROVE, Role.APPROVER, {"commit": seen}).status_code == 200
        fork.both(2)
        assert not fork.previews()
        (again,) = site.asks("GET", WAITING).json()["items"]
        assert (again["commit"], again["approved_commit"]) == (head(fork), seen)

    def test_who_may_not(self, fork: PreviewWorld, site: Site) -> None:
        """Learns who may; who may not even see it learns nothing."""
        body = {"commit": head(fork)}
        refused = site.asks("POST", APPROVE, Role.DEVELOPER, body)
        assert (refused.status_code, refused.json()["needs"]) == (403, "approver")
        elsewhere = {"Authorization": f"Bearer {site.token(Role.ADMIN)}"}
        tokens = site.world.store.tokens.kept
        tokens["admin.acme.None"] = replace(tokens["admin.acme.None"], repository="vault")
        assert site.client.get(f"/api/v1{WAITING}", headers=elsewhere).json()["items"] == []
        assert site.client.post(f"/api/v1{APPROVE}", headers=elsewhere, json=body).status_code == 404
        assert fork.known().approved is None

    @pytest.mark.parametrize("commit", ["", "abc", "f" * 39, "F" * 40, "f" * 41, "g" * 40])
    def test_only_a_whole_commit_counts(self, site: Site, commit: str) -> None:
        assert site.asks("POST", APPROVE, Role.APPROVER, {"commit": commit}).status_code == 422

    def test_what_is_no_fork_or_not_there(self, fork: PreviewWorld, site: Site) -> None:
        own = fork.opens(8, "topic")
        fork.look()
        path = "/pull-requests/acme/shop/{}/approve"
        assert site.asks("POST", path.format(8), body={"commit": own}).status_code == 409
        assert site.asks("POST", path.format(9), body={"commit": own}).status_code == 404
        assert [each["number"] for each in site.asks("GET", WAITING).json()["items"]] == [7]


class TestVerb:
    """`envmgr approve` with the name of its environment."""

    def test_on_the_host(self, fork: PreviewWorld) -> None:
        """A push voids it, and the next one is approved under the environment's name all the same."""
        for _ in range(2):
            with on_host(fork.person.application):
                done = envmgr("approve", "acme/shop/pr-7", "--yes")
            assert (done.code, f"Approved: acme/shop/pr-7 at {head(fork)[:10]}." in done.out) == (0, True)
            fork.both(2, minutes=1)
            assert fork.environment("pr-7").applied.commit == head(fork)
            fork.pushes(is_from_fork=True)
            fork.both(2, minutes=1)
            assert fork.status("pr-7") is Status.WAITING

    def test_all_is_none_of_them(self, fork: PreviewWorld) -> None:
        """They are named, so that nobody thinks that there is none."""
        with on_host(fork.person.application):
            done = envmgr("approve", "--all", "--yes")
        assert (done.code, "approved by name alone, and wait: acme/shop/pr-7" in done.err) == (0, True)
        assert fork.known().approved is None


class TestPage:
    """A list on top, a question, and a button."""

    def test_looked_at_and_approved(self, fork: PreviewWorld, site: Site) -> None:
        """By who may; a head that moved on is refused beside the question of the new one."""
        page = signed_in(site, Role.APPROVER)
        seen = head(fork)
        assert f'href="{APPROVE}"' in page.get("/").text
        asked = page.get(APPROVE).text
        assert seen in asked
        assert "alice" in asked
        fork.pushes(is_from_fork=True)
        fork.look()
        refused = page.post(APPROVE, data={"csrf": csrf(asked), "commit": seen})
        assert refused.status_code == 409
        assert f'name="commit" value="{head(fork)}"' in refused.text
        assert fork.known().approved is None
        done = page.post(APPROVE, data={"csrf": csrf(asked), "commit": head(fork)})
        assert done.status_code == 200
        assert f'href="{APPROVE}"' not in done.text
        fork.both()
        assert fork.status("pr-7") is Status.READY
        fork.pushes(is_from_fork=True)
        fork.both(minutes=1)
        assert f'href="{APPROVE}"' in page.get("/environments/acme/shop/pr-7").text

    def test_who_may_not(self, fork: PreviewWorld, site: Site) -> None:
        page = signed_in(site, Role.DEVELOPER)
        assert page.get(APPROVE).status_code == 403
        form = {"csrf": csrf(page.get("/").text), "commit": head(fork)}
        assert page.post(APPROVE, data=form).status_code == 403
        assert page.post(APPROVE, data={"commit": head(fork)}).status_code == 403
        assert fork.known().approved is None


def signed_in(site: Site, role: Role) -> TestClient:
    """A browser of somebody with a token."""
    client = TestClient(site.app, base_url="https://testserver")
    answer = client.post(
        "/sign-in", data={"csrf": csrf(client.get("/sign-in").text), "token": site.token(role)}
    )
    assert answer.status_code == 200
    return client


def csrf(text: str) -> str:
    """What a page's forms carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]
