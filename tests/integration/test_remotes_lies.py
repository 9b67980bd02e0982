"""Every lie a remote may tell: nothing is destroyed by it, and the doubt can be seen."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.adapters.git.unchanged import looks
from envmgr.domain.values.environment import RepositoryState
from envmgr.domain.values.names import RepositoryId
from tests.support.engine import Engine, push
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

SHOP = RepositoryId("acme", "shop")
PATIENCE = 1.0  # seconds, for the lies that take longer than a minute in earnest


@dataclass
class World:
    """Two environments that are ready, their repository, and who serves it."""

    engine: Engine
    shop: GitRepository
    server: GitServer

    @property
    def state(self) -> RepositoryState:
        """What is known of the remote."""
        return self.engine.application.services.store.repository(SHOP)


Lie = Callable[[World], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, terraform_binary: str) -> Iterator[World]:
    """One for all lies: each leaves it as it was. They are told to looks of this process, too, which come first."""
    del terraform_binary
    engine = Engine(tmp_path_factory.mktemp("lies"))
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    shop.point([f"feature/{number}" for number in range(40)], shop.head("main") or "")
    with GitServer(shop.path.parent) as server, pytest.MonkeyPatch.context() as patched:
        patched.setattr(looks, "_SETTLES", 0.0)
        engine.repository_settings["shop"] = {"url": server.http_url("shop")}
        engine.turn()
        yield World(engine, shop, server)
    engine.close()


def fault(**what: float | bool) -> Lie:
    """The server does something else than to answer."""

    @contextmanager
    def lie(world: World) -> Iterator[None]:
        world.server.fail("shop", **what)  # type: ignore[arg-type]  # statuses, seconds and byte counts
        try:
            yield
        finally:
            world.server.heal("shop")

    return lie


def impatient(lie: Lie) -> Lie:
    """The same, with less patience than a person's."""

    @contextmanager
    def hurried(world: World) -> Iterator[None]:
        git = world.engine.application.services.git
        assert isinstance(git, Mirrors)
        seconds, git._seconds = git._seconds, PATIENCE
        try:
            with lie(world):
                yield
        finally:
            git._seconds = seconds

    return hurried


def elsewhere(url: str) -> Lie:
    """It is looked for at another URL, as after a change of DNS."""

    @contextmanager
    def lie(world: World) -> Iterator[None]:
        repositories = world.engine.application.services.repositories
        assert isinstance(repositories, dict)
        repository = repositories[SHOP]
        repositories[SHOP] = replace(repository, remote=lambda: replace(repository.remote(), url=url))
        try:
            yield
        finally:
            repositories[SHOP] = repository

    return lie


def in_its_place(*command: str) -> Lie:
    """An empty folder instead of the repository, and what a command of git makes of it, if any."""

    @contextmanager
    def lie(world: World) -> Iterator[None]:
        place, kept = world.shop.path, world.shop.path.with_suffix(".kept")
        place.rename(kept)
        place.mkdir()
        if command:
            subprocess.run(["git", "-C", str(place), *command], check=True)
        try:
            yield
        finally:
            shutil.rmtree(place)
            kept.rename(place)

    return lie


@contextmanager
def without_default_branch(world: World) -> Iterator[None]:
    """A listing that is complete but for the one branch that every repository has."""
    commit = world.shop.head("main") or ""
    world.shop.delete("main")
    try:
        yield
    finally:
        world.shop.point(["main"], commit)


@contextmanager
def without_head(world: World) -> Iterator[None]:
    """All branches are there, and which one is the default cannot be known."""
    world.shop.set_default_branch("gone")
    try:
        yield
    finally:
        world.shop.set_default_branch("main")


REFUSED = "refuses the credentials"
AGAIN = "it will be tried again"
LIES: dict[str, tuple[Lie, str]] = {
    "nobody listens": (elsewhere("http://127.0.0.1:9/shop.git"), AGAIN),
    "its name leads nowhere": (elsewhere("https://remote.invalid/shop.git"), AGAIN),
    "it hangs": (impatient(fault(hang=True)), f"no complete answer within {PATIENCE:g} s"),
    "it is too slow": (impatient(fault(delay=4 * PATIENCE)), f"no complete answer within {PATIENCE:g} s"),
    "401": (fault(status=401), REFUSED),
    "403": (fault(status=403), REFUSED),
    "404": (fault(status=404), "there is no such repository"),
    "429": (fault(status=429), AGAIN),
    "500": (fault(status=500), AGAIN),
    "503": (fault(status=503), AGAIN),
    "an empty page": (fault(status=200), "shows no branch at all"),
    "no byte": (fault(cut_after=0), AGAIN),
    "cut in its greeting": (fault(cut_after=60), AGAIN),
    "cut in its listing": (fault(cut_after=1500), AGAIN),
    "created again, empty": (in_its_place("init", "-q", "--bare", "-b", "main"), "shows no branch at all"),
    "an empty folder": (in_its_place(), "there is no such repository"),
    "no default branch": (without_default_branch, "does not show the default branch"),
    "HEAD names nothing": (without_head, "does not show the default branch"),
}


ON_DISK = ("created again, empty", "an empty folder", "no default branch", "HEAD names nothing")


@pytest.mark.parametrize(
    ("how", "name"), [*(("http", name) for name in LIES), *(("path", name) for name in ON_DISK)]
)
def test_a_lie_destroys_nothing_and_is_seen(world: World, how: str, name: str) -> None:
    """Told while a branch is deleted and the grace period runs out: the count starts again afterwards."""
    engine, (lie, says) = world.engine, LIES[name]
    url = world.server.http_url("shop") if how == "http" else world.shop.url
    with elsewhere(url)(world), branch_deleted(world):
        with lie(world):
            errors = [error for _ in range(3) for error in engine.turn(hours=1)]
            assert len(errors) == 3
            assert all(says in error and str(SHOP) in error for error in errors)
            assert (world.state.error, world.state.failures) == (errors[-1], 3)
            assert "0 of 2 confirmations" in engine.environment("bob").message
            assert engine.statuses() == {"alice": "ready", "bob": "waiting"}
        assert engine.turn(hours=1) == []
        assert (world.state.error, world.state.failures) == ("", 0)
        assert "1 of 2 confirmations" in engine.environment("bob").message
    engine.turn(seconds=30)
    assert engine.statuses() == {"alice": "ready", "bob": "ready"}
    assert engine.calls() == []
    assert engine.state("bob").exists()
    assert how != "http" or any(heard.agent == "git/envmgr" for heard in world.server.heard)


@contextmanager
def branch_deleted(world: World) -> Iterator[None]:
    """A branch is gone meanwhile, and both confirmations of that are there."""
    engine = world.engine
    assert engine.turn(seconds=30) == []
    assert engine.statuses() == {"alice": "ready", "bob": "ready"}
    engine.calls()
    commit = world.shop.head("env-bob") or ""
    world.shop.delete("env-bob")
    try:
        engine.turn(2, seconds=30)
        assert engine.environment("bob").absences == 2
        yield
    finally:
        world.shop.point(["env-bob"], commit)
