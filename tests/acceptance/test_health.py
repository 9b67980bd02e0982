"""Health as a person types for it and reads it."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Status
from envmgr.domain.values.health import Condition
from tests.acceptance.world import World
from tests.support.store import having
from tests.support.web_server import WebServer, page


@pytest.fixture
def server() -> Iterator[WebServer]:
    """Answers well at `/`."""
    with WebServer() as running:
        running.answer("/", page())
        yield running


def degrade(world: World) -> None:
    """Record that alice's answers badly, as the daemon would."""
    with closing(open_records(world.config, world.data, os.environ)) as store:
        (alice,) = store.environments()
        assert alice.health is not None
        ill = replace(alice.health, condition=Condition.UNHEALTHY, message="GET / answered 503, wanted 200.")
        changes = {"status": Status.DEGRADED, "health": ill, "message": ill.message}
        store.update(alice.id, None, alice.updated_at, having(**changes))


def test_who_is_ill_is_shown_and_no_success(tmp_path: Path, server: WebServer) -> None:
    """In list, in show, and by reconcile's exit code, though nothing is left to do."""
    world = World.create(tmp_path)
    url = server.url("/?token=hush").replace("//", "//bot:hush@")
    world.configure("limits: {health_networks: [127.0.0.0/8]}", f"health: {{url: '{url}'}}")
    world.branch("env-alice")
    world.ok("reconcile")
    assert server.requests
    shown = world.ok("show", "alice", "--json").document
    assert (shown["status"], shown["health"]["condition"]) == ("ready", "healthy")
    assert shown["health"]["url"] == server.url("/?…")
    assert shown["health"]["since"].endswith("Z")
    assert "\nhealth       healthy since 20" in world.ok("show", "alice").out
    assert world.ok("list", "--json", "--status", "degraded").document == []

    degrade(world)
    (found,) = world.ok("list", "--json", "--status", "degraded").document
    assert (found["status"], found["health"]) == ("degraded", "unhealthy")
    assert "GET / answered 503, wanted 200." in world.ok("list").out
    shown = world.ok("show", "alice").out
    assert "\nhealth       not healthy since 20" in shown
    assert "Z: GET / answered 503, wanted 200.\n" in shown
    passed = world("reconcile")
    assert (passed.code, "0 failed, 1 degraded." in passed.out) == (1, True)
    assert "acme/shop/alice: degraded" in passed.out
    assert [e["environment"] for e in world("reconcile", "--json").document["degraded"]] == ["alice"]
    assert "hush" not in passed.out + shown
