"""What environments come from, and promotion, over the network."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Status
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from tests.support.in_memory.rules import MODULE, Rules
from tests.support.in_memory.world import World

from .conftest import Site

STAGING = "/environments/acme/shop/staging"
NAMED = (Named(name="staging", branch="main"), Named(name="production", tags="v*", after=("staging",)))


@pytest.fixture
def pipeline(tmp_path: Path) -> Site:
    """A staging that is one commit ahead of production, and an environment of a branch."""
    world = World(tmp_path, Rules(named=NAMED))
    world.push("alice")
    world.shop.tag("v1.0", world.shop.commit("main", world.rules.files(MODULE)))
    world.turn()
    world.shop.commit("main", {"notes": "more"})
    world.turn()
    return Site(world)


def asked(site: Site, body: object, role: Role = Role.DEVELOPER) -> Any:
    """What becomes of a promotion of what staging has."""
    written = site.asks("POST", f"{STAGING}/promote", role, body)
    if written.status_code != 202:
        return written
    site.works()
    return site.asks("GET", written.headers["Location"]).json()


@pytest.mark.parametrize(
    ("origin", "names"),
    [("tag", ["production"]), ("branch", ["alice", "staging"]), ("pull_request", [])],
)
def test_a_list_is_filtered_by_origin(pipeline: Site, origin: str, names: list[str]) -> None:
    found = pipeline.asks("GET", f"/environments?origin={origin}").json()["items"]
    assert [each["environment"] for each in found] == names
    assert {each["origin"]["kind"] for each in found} <= {origin}


def test_what_staging_has_is_promoted_and_said_of_production(pipeline: Site) -> None:
    world = pipeline.world
    done = asked(pipeline, {"to": "production"})
    assert (done["status"], done["message"]) == ("succeeded", "")
    production = world.environment("production")
    assert production.applied.commit == world.environment("staging").applied.commit
    shown = pipeline.asks("GET", "/environments/acme/shop/production").json()
    assert shown["promoted_from"] == "staging"
    assert shown["origin"] == {"kind": "tag", "name": "v1.0", "number": None, "url": None, "named": True}


@pytest.mark.parametrize(
    ("body", "said"),
    [({"to": "nowhere"}, "no environment 'nowhere'"), ({"to": "staging"}, "cannot be promoted to itself")],
)
def test_a_promotion_to_nowhere_says_so(pipeline: Site, body: object, said: str) -> None:
    done = asked(pipeline, body)
    assert done["status"] == "failed"
    assert said in done["message"]


def test_what_production_may_not_have_is_refused(pipeline: Site) -> None:
    world = pipeline.world
    before = world.environment("production")
    written = pipeline.asks("POST", "/environments/acme/shop/alice/promote", body={"to": "production"})
    pipeline.works()
    done = pipeline.asks("GET", written.headers["Location"]).json()
    assert done["status"] == "refused", done
    assert "never ready in staging" in done["message"]
    assert world.environment("production").applied == before.applied
    assert world.environment("production").status is Status.READY


def test_viewers_promote_nothing(pipeline: Site) -> None:
    assert asked(pipeline, {"to": "production"}, Role.VIEWER).status_code == 403


def test_a_name_that_none_could_have_is_told_at_once(pipeline: Site) -> None:
    assert asked(pipeline, {"to": "../production"}).status_code == 422


def test_the_page_shows_which_commit_is_where(pipeline: Site) -> None:
    world = pipeline.world
    page = signed_in(pipeline)
    text = page.get("/promotions").text
    for name in ("staging", "production"):
        assert f'href="/environments/acme/shop/{name}"' in text
    commits = [world.environment(name).applied.commit or "" for name in ("staging", "production")]
    assert all(commit[:10] in text for commit in commits)
    assert "tag v1.0" in text
    asked_first = page.get("/environments/acme/shop/staging/promote").text
    assert "To which environment" in asked_first
    assert "/environments/acme/shop/alice/promote" not in page.get("/environments/acme/shop/alice").text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alice", ["<dt>Branch</dt><dd>env-alice</dd>", "<dt>Ends</dt><dd>with its branch</dd>"]),
        ("staging", ["<dt>Branch</dt><dd>main</dd>", "<dt>Ends</dt><dd>by hand alone</dd>"]),
        ("production", ["<dt>Tag</dt><dd>v1.0</dd>", "<dt>Ends</dt><dd>by hand alone</dd>"]),
    ],
)
def test_the_page_says_what_it_comes_from_and_what_ends_it(
    pipeline: Site, name: str, said: list[str]
) -> None:
    text = signed_in(pipeline).get(f"/environments/acme/shop/{name}").text
    assert all(each in text for each in said)


def test_what_waits_for_staging_asks_nobody_for_a_yes_to_the_plan_of_the_tag_before(tmp_path: Path) -> None:
    """The plan of v1.1 waits for approval as v1.2 comes, which staging never had: a yes would change nothing."""
    world = World(tmp_path, Rules(named=NAMED, gates=Gates(approval=Terms())))
    site = Site(world)
    world.shop.tag("v1.1", world.shop.commit("main", world.rules.files(MODULE)))
    world.turn()
    assert site.asks("POST", f"{STAGING}/approve", Role.APPROVER, {}).status_code == 202
    site.works()
    world.turn()
    page = signed_in(site)
    assert "Waits for" in page.get("/environments/acme/shop/production").text
    approver = signed_in(site, Role.APPROVER)
    for word in ("approve", "reject"):
        asked = approver.get(f"/environments/acme/shop/production/{word}").text
        assert f"Plan of {world.environment('production').commit[:7]}" in asked
        assert "waits for approval" in asked
    world.shop.tag("v1.2", world.shop.commit("side", {"notes": "never there"}))
    world.turn()
    production, text = world.environment("production"), page.get("/environments/acme/shop/production").text
    assert "was never ready in staging" in production.message
    assert production.hold.guard is None
    assert "Waits for" not in text
    assert "Plan of" not in text
    refused = site.asks("POST", "/environments/acme/shop/production/approve", Role.APPROVER, {})
    assert (refused.status_code, "not held back" in refused.json()["detail"]) == (409, True)


def test_where_all_need_a_person_the_list_does_not_say_that_there_are_none(tmp_path: Path) -> None:
    """They are on top, and nothing is left for the list below; where there is nothing at all it says so."""
    world = World(tmp_path, Rules(named=NAMED, gates=Gates(approval=Terms())))
    page = signed_in(Site(world))
    assert "No environments yet" in page.get("/").text
    world.shop.commit("main", world.rules.files(MODULE))
    world.turn()
    text = page.get("/").text
    assert "Needs a person" in text
    assert "No environments yet" not in text


def signed_in(site: Site, role: Role = Role.DEVELOPER) -> TestClient:
    """A browser of somebody with a token."""
    client = TestClient(site.app, base_url="https://testserver")
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
    assert found is not None
    answer = client.post("/sign-in", data={"csrf": found[1], "token": site.token(role)})
    assert answer.status_code == 200
    return client
