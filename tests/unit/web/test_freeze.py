"""Freeze and thaw over the network: by role, at once, and seen wherever its environments are."""

import pytest

from envmgr.domain.values.asking.person import Role

from .conftest import ALICE, Site

ACME, SHOP = "/organizations/acme", "/repositories/acme/shop"


def test_an_approver_freezes_and_thaws(site: Site) -> None:
    """With its reason and end, in the list, in full, and where places are listed."""
    site.world.push("alice", size="1")
    frozen = site.asks("POST", f"{SHOP}/freeze", Role.APPROVER, {"reason": "migration", "until": "4h"})
    assert frozen.status_code == 200
    found = frozen.json()
    assert (found["repository"], found["reason"], found["in_file"]) == ("shop", "migration", False)
    assert found["by"].startswith("token approver")
    assert site.asks("GET", ALICE).json()["frozen"] == found
    (listed,) = site.asks("GET", "/environments").json()["items"]
    assert listed["frozen"] == found
    (repository,) = site.asks("GET", "/repositories").json()["items"]
    assert repository["frozen"] == found
    (organization,) = site.asks("GET", "/organizations").json()["items"]
    assert organization["frozen"] is None
    site.world.turn()
    assert site.world.status("alice") == "waiting"
    thawed = site.asks("POST", f"{SHOP}/thaw", Role.APPROVER)
    assert (thawed.status_code, thawed.json()) == (200, found)
    assert site.asks("GET", ALICE).json()["frozen"] is None
    site.world.turn()
    assert site.world.status("alice") == "ready"


@pytest.mark.parametrize("verb", ["freeze", "thaw"])
@pytest.mark.parametrize("place", [ACME, SHOP])
def test_others_may_not(site: Site, verb: str, place: str) -> None:
    """And learn who may; who may not even see it learns nothing."""
    body = {"reason": "x"} if verb == "freeze" else None
    refused = site.asks("POST", f"{place}/{verb}", Role.DEVELOPER, body)
    assert (refused.status_code, refused.json()["needs"]) == (403, "approver")
    elsewhere = place.replace("acme", "other")
    assert site.asks("POST", f"{elsewhere}/{verb}", Role.APPROVER, body).status_code == 404
    assert site.world.store.freezes.all() == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"reason": ""}, 422, ""),
        ({}, 422, ""),
        ({"reason": " "}, 400, "Say why"),
        ({"reason": "x", "until": "1999-01-01T00:00Z"}, 400, "is over"),
        ({"reason": "x", "until": "2027-01-01T00:00"}, 400, "with its zone"),
        ({"reason": "x", "other": 1}, 422, ""),
    ],
)
def test_what_cannot_be_is_said(site: Site, body: dict[str, str], status: int, said: str) -> None:
    answer = site.asks("POST", f"{ACME}/freeze", Role.APPROVER, body)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert site.asks("POST", f"{ACME}/thaw", Role.APPROVER).status_code == 409
    assert site.asks(
        "POST", "/repositories/acme/none/freeze", Role.APPROVER, {"reason": "x"}
    ).status_code in (400, 404)


def test_a_destroy_overrides_it_only_where_it_says_so(site: Site) -> None:
    site.asks("POST", f"{ACME}/freeze", Role.APPROVER, {"reason": "migration"})
    refused = site.asks("POST", f"{ALICE}/destroy")
    site.works()
    done = site.asks("POST", f"{ALICE}/destroy", body={"override_freeze": True})
    site.works()
    assert site.asks("GET", f"/requests/{refused.json()['id']}").json()["status"] == "refused"
    assert site.asks("GET", f"/requests/{done.json()['id']}").json()["status"] == "succeeded"
    assert site.world.in_cloud("alice") == []


def test_the_page_freezes_and_shows_it(site: Site) -> None:
    """A form for those who may; who may not is refused, and is shown none."""
    page = site.client.get("/repositories", headers={"Authorization": f"Bearer {site.token(Role.VIEWER)}"})
    assert "/repositories/freeze" not in page.text
