"""The hosts over the network: everybody sees them, an admin drains and forgets them."""

from dataclasses import replace

import pytest

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
