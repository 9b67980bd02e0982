"""The hosts over the network: everybody sees them, an admin drains and forgets them."""

import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.host import SILENT, Report
from tests.support.in_memory.world import World

from .conftest import Site

OTHER = ProcessId("build-2", "boot of build-2", 1, 1, "id-of-build-2")


@pytest.fixture
def world(site: Site) -> World:
    """Where another host works, too."""
    found = site.world
    store = found.store
    version = store.hosts.all(found.now)[0].version if store.hosts.all(found.now) else "0"
    store.hosts.beat(Report(process=OTHER, version=version, serves=True), found.now, lambda _: False)
    return found


def listed(site: Site, role: Role = Role.VIEWER) -> dict[str, dict[str, object]]:
    """All hosts by name."""
    return {each["name"]: each for each in site.asks("GET", "/hosts", role).json()["items"]}


def test_who_is_there_and_on_what_each_works(site: Site, world: World) -> None:
    """Of what one may see."""
    alice = world.environment("alice").id
    lease = world.store.acquire(alice, OTHER, "apply", world.now, SILENT, lambda _: False)
    assert isinstance(lease, Lease)
    found = listed(site)["build-2"]
    assert (found["id"], found["status"], found["why"]) == (OTHER.machine, "working", None)
    assert found["works_on"] == [
        {"environment": str(alice), "purpose": "apply", "since": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    ]
    tokens = world.store.tokens.kept
    site.token(Role.ADMIN)
    tokens["admin.acme.None"] = replace(tokens["admin.acme.None"], repository="vault")
    assert listed(site, Role.ADMIN)["build-2"]["works_on"] == []


@pytest.mark.parametrize("word", ["drain", "undrain", "forget"])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER, Role.APPROVER])
def test_only_an_admin_says_something_of_one(site: Site, world: World, word: str, role: Role) -> None:
    """Who may not learns who may."""
    refused = site.asks("POST", f"/hosts/build-2/{word}", role)
    assert (refused.status_code, refused.json()["needs"]) == (403, "admin")
    assert listed(site)["build-2"]["status"] == "working"


def test_it_is_drained_and_works_again(site: Site, world: World) -> None:
    """By its name or its ID; said twice it is a conflict."""
    assert site.asks("POST", "/hosts/build-2/drain", Role.ADMIN).json()["status"] == "draining"
    assert site.asks("POST", "/hosts/build-2/drain", Role.ADMIN).status_code == 409
    assert site.asks("POST", f"/hosts/{OTHER.machine}/undrain", Role.ADMIN).json()["status"] == "working"
    assert [e.action for e in world.store.events(None)][-2:] == ["host-drained", "host-drained"]


def test_it_is_forgotten_once_it_is_silent(site: Site, world: World) -> None:
    """Not while it lives; and no other is meant by a name that none has."""
    assert site.asks("POST", "/hosts/build-2/forget", Role.ADMIN).status_code == 409
    world.forward(seconds=SILENT.total_seconds() + 1)
    assert listed(site)["build-2"]["status"] == "silent"
    left = site.asks("POST", "/hosts/build-2/forget", Role.ADMIN)
    assert left.status_code == 200
    assert "build-2" not in {each["name"] for each in left.json()["items"]}
    assert site.asks("POST", "/hosts/nobody/forget", Role.ADMIN).status_code == 409


def at_the_page(site: Site, role: Role) -> tuple[TestClient, str]:
    """A browser of somebody who signed in, and what her forms need."""
    client = TestClient(site.app, base_url="https://testserver")
    csrf = re.findall(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)[0]
    client.post("/sign-in", data={"csrf": csrf, "token": site.token(role)})
    return client, re.findall(r'name="csrf" value="([^"]+)"', client.get("/").text)[0]


def test_the_page_forgets_a_host_after_a_question_and_not_while_it_lives(site: Site, world: World) -> None:
    """What cannot be is said above the question; and who is gone meanwhile is not there."""
    page, csrf = at_the_page(site, Role.ADMIN)
    address = f"/hosts/{OTHER.machine}/forget"
    assert address not in page.get("/hosts").text
    refused = page.post(address, data={"csrf": csrf})
    assert (refused.status_code, "build-2 lives" in refused.text) == (409, True)
    world.forward(seconds=SILENT.total_seconds() + 1)
    assert address in page.get("/hosts").text
    assert "Only do this if that host is off" in page.get(address).text
    assert "build-2" not in page.post(address, data={"csrf": csrf}).text
    assert page.get(address).status_code == 404
    assert page.post(address, data={"csrf": csrf}).status_code == 404
    assert page.get(f"/hosts/{OTHER.machine}/destroy").status_code == 422


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
def test_the_page_offers_nothing_to_who_may_not(site: Site, world: World, role: Role) -> None:
    """And refuses it."""
    page, csrf = at_the_page(site, role)
    assert f"/hosts/{OTHER.machine}/" not in page.get("/hosts").text
    assert page.post(f"/hosts/{OTHER.machine}/drain", data={"csrf": csrf}).status_code == 403
    assert not any(host.draining for host in world.store.hosts.all(world.now))


def test_one_that_is_refused_is_shown_with_the_reason_and_no_word_is_meant_for_it(
    site: Site, world: World
) -> None:
    """As two machines of one name are: what an admin says of that name is said of the one that works."""
    namesake = replace(OTHER, boot="another boot", machine="another-machine")
    world.store.hosts.beat(Report(process=namesake, version="0", serves=True), world.now, lambda _: False)
    told = [each for each in site.asks("GET", "/hosts").json()["items"] if each["name"] == "build-2"]
    assert {(each["id"], each["status"], bool(each["why"])) for each in told} == {
        (OTHER.machine, "working", False),
        (namesake.machine, "passive", True),
    }
    page, _ = at_the_page(site, Role.ADMIN)
    shown = page.get("/hosts").text
    assert "Another host called build-2" in shown
    assert f"/hosts/{OTHER.machine}/drain" in shown
    assert namesake.machine not in shown
    assert page.get(f"/hosts/{namesake.machine}/drain").status_code == 404
    assert "build-2 takes no work. Another host called build-2" in page.get("/").text
    assert site.asks("POST", "/hosts/build-2/drain", Role.ADMIN).json()["id"] == OTHER.machine


def test_pages_lead_to_the_hosts_where_there_are_several(site: Site) -> None:
    """And that no host works is said there."""
    page, _ = at_the_page(site, Role.VIEWER)
    assert 'href="/hosts"' not in page.get("/").text
    site.world.store.hosts.beat(
        Report(process=OTHER, version="0", serves=True), site.world.now, lambda _: False
    )
    assert "No host is at work" not in page.get("/hosts").text
    assert 'href="/hosts"' in page.get("/").text
    site.world.forward(seconds=SILENT.total_seconds() + 1)
    assert "No host is at work" in page.get("/hosts").text
