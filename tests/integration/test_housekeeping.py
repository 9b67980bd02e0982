"""Invariant 14, part: what nobody needs goes, what is in use stays."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.daemon import housekeeping
from envmgr.domain.values.environment import RunKind, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.source import step_caches
from tests.support.engine import Engine, push
from tests.support.store import having


def test_a_round_keeps_what_a_living_environment_needs(engine: Engine) -> None:
    """After it the destroyed one's traces are gone, and the living one can still be destroyed."""
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    engine.turn()
    shop.delete("env-bob")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    shop.commit("env-alice", {"app.py": "1"})
    engine.turn(seconds=30)
    engine.clock.forward(days=31)

    housekeeping.tidy(engine.application.services)

    assert engine.statuses() == {"alice": "ready"}
    assert len(list((engine.data / "logs").rglob("*.log"))) == len(engine.runs())
    assert engine.archived() == []
    assert not (engine.data / "workspaces" / "acme" / "shop" / "bob").exists()
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    housekeeping.tidy(engine.application.services)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_round_with_nothing_there_does_nothing(engine: Engine) -> None:
    """A fresh data folder."""
    engine.repository()
    housekeeping.tidy(engine.application.services)
    assert engine.statuses() == {}


@pytest.mark.parametrize("name", ["source/terraform/errored.tfstate", "terraform/envmgr-applying"])
def test_a_working_folder_that_may_hold_the_only_state_stays(engine: Engine, name: str) -> None:
    """Of a closed environment too; one without such a file goes."""
    engine.repository()
    workspaces = engine.data / "workspaces" / "acme" / "shop"
    for file in (workspaces / "kept" / name, workspaces / "gone" / "terraform" / "x"):
        file.parent.mkdir(parents=True)
        file.write_text("{}")

    housekeeping.tidy(engine.application.services)

    assert [path.name for path in workspaces.iterdir()] == ["kept"]
    assert (workspaces / "kept" / name).exists()


def test_what_a_step_printed_goes_with_its_run(engine: Engine) -> None:
    """It outlives only an envmgr that is killed; while a run runs it is followed."""
    push(engine.repository(), ["alice"])
    engine.turn()
    services, [ended] = engine.application.services, engine.runs()
    alice = engine.environment("alice")
    running = services.store.start_run(
        alice.id, RunKind.DEPLOY, alice.commit, services.owner, "daemon", engine.clock()
    )
    left, followed, unknown = (
        services.layout.log(number).with_suffix(".log.output") for number in (ended.id, running.id, 77)
    )
    for path in (left, followed, unknown):
        path.write_text("said")

    housekeeping.tidy(services)

    assert [path.exists() for path in (left, followed, unknown)] == [False, True, False]
    assert services.layout.log(ended.id).exists()


class TestStepCaches:
    """What steps keep between two runs is one environment's; it goes with it, and by size."""

    def cache(self, engine: Engine, name: str) -> Path:
        """A cache with a file of 100 bytes in a folder that nothing may be written to."""
        path = engine.application.services.layout.step_cache(EnvironmentId("acme", "shop", name))
        folder = path / "module"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 100)
        folder.chmod(0o500)
        return path

    def prune(self, engine: Engine, largest: int) -> None:
        """One round with a bound."""
        services = engine.application.services
        step_caches.prune(services, services.store.environments(), largest)

    def test_with_its_environment(self, engine: Engine) -> None:
        """The next branch of that name finds nothing; what all branches shared in older releases goes too."""
        push(engine.repository(), ["alice"])
        engine.poll()
        alice, gone = self.cache(engine, "alice"), self.cache(engine, "gone")
        shared = engine.data / "step-caches" / "acme" / "shop"
        shared.mkdir(parents=True)

        housekeeping.tidy(engine.application.services)

        assert (alice.exists(), gone.exists(), shared.exists()) == (True, False, False)
        assert [path.name for path in alice.parent.iterdir()] == ["alice"]

    def test_by_size_unless_in_use(self, engine: Engine) -> None:
        """Nobody works on the environment while it goes."""
        push(engine.repository(), ["alice"])
        engine.poll()
        alice = self.cache(engine, "alice")
        self.prune(engine, 100)
        assert alice.exists()
        with engine.application.services.leases.hold(engine.environment("alice").id, "a step"):
            self.prune(engine, 99)
            assert alice.exists()

        self.prune(engine, 99)

        assert list(alice.parent.iterdir()) == []
        with engine.application.services.leases.hold(engine.environment("alice").id, "free again"):
            pass

    def test_what_a_process_that_died_had_begun_to_remove(self, engine: Engine) -> None:
        """Goes in the next round."""
        engine.repository()
        alice = self.cache(engine, "alice")
        alice.rename(alice.with_name(".removed-alice"))
        self.prune(engine, 100)
        assert list(alice.parent.iterdir()) == []

    def test_no_branch_writes_where_another_reads(self, engine: Engine) -> None:
        """Steps are told of a folder of their own."""
        step = {"name": "cache", "run": "echo $ENVMGR_ENVIRONMENT >>$XDG_CACHE_HOME/who"}
        push(engine.repository(deploy=[step]), ["alice", "bob"])
        engine.turn()
        for name in ("alice", "bob"):
            path = engine.application.services.layout.step_cache(EnvironmentId("acme", "shop", name))
            assert (path / "who").read_text() == f"{name}\n"


LOCK_FILE = """provider "registry.example.com/hashicorp/{0}" {{
  version = "1.0.0"
  hashes = [
    "h1:x",
  ]
}}
"""


class TestProviders:
    """Which of the cached providers go: those that nothing has used for thirty days."""

    def provider(self, engine: Engine, name: str, days: float) -> Path:
        """A provider in the cache that was last used so many days ago."""
        version = (
            engine.data / "cache/organizations/acme/packages/registry.example.com/hashicorp" / name / "1.0.0"
        )
        (version / "linux_amd64").mkdir(parents=True)
        (version / "linux_amd64" / f"terraform-provider-{name}").write_text("#")
        then = time.time() - days * 24 * 3600
        os.utime(version, (then, then))
        return version

    def test_only_what_nothing_has_used_for_long(self, engine: Engine) -> None:
        """Used is what a claim's lock file selects and what a working folder links to, however old."""
        shop = engine.repository()
        push(shop, ["alice"])
        engine.turn()
        claimed, linked, fresh, old = (
            self.provider(engine, name, days)
            for name, days in (("claimed", 99), ("linked", 99), ("fresh", 29), ("old", 31))
        )
        store, alice = engine.application.services.store, engine.environment("alice")
        assert alice.claim is not None
        claim = replace(alice.claim, lock_file=LOCK_FILE.format("claimed"))
        store.update(alice.id, None, engine.clock(), having(claim=claim))
        link = engine.data / "workspaces/acme/shop/alice/terraform/providers/registry.example.com/hashicorp"
        (link / "linked/1.0.0").mkdir(parents=True)
        (link / "linked/1.0.0/linux_amd64").symlink_to(linked / "linux_amd64")

        housekeeping.tidy(engine.application.services)

        assert [path.exists() for path in (claimed, linked, fresh, old)] == [True, True, True, False]
        assert not old.parent.exists()
        assert not (engine.data / "cache/organizations/acme/removed").exists()
        assert time.time() - claimed.stat().st_mtime < 60, "its thirty days begin when it is used no more"

    def test_nobody_relies_on_what_went(self, engine: Engine) -> None:
        """What was satisfied from the cache is alone again at its next `init`; with nothing gone it is not."""
        engine.repository()
        cache = ProviderCache(engine.data / "cache/organizations/acme")
        services = engine.application.services
        cache.create()
        cache.satisfied("known")
        self.provider(engine, "fresh", 1)
        housekeeping.tidy(services)
        with cache.held("known", lambda: False), cache.held("known", lambda: False) as second:
            assert second is not None
        self.provider(engine, "old", 31)

        housekeeping.tidy(services)

        with cache.held("known", lambda: False) as first, cache.held("known", lambda: False) as second:
            assert (first is None, second is None) == (False, True)

    def test_waits_for_an_init_under_way(self, engine: Engine) -> None:
        """It may be about to use what it found; the round after it deletes."""
        engine.repository()
        services, old = engine.application.services, self.provider(engine, "old", 31)
        with ProviderCache(engine.data / "cache/organizations/acme").held("any", lambda: False):
            housekeeping.tidy(services)
            assert old.exists()

        housekeeping.tidy(services)

        assert not old.exists()

    def test_a_package_that_is_linked_from_elsewhere_is_left_there(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        """Terraform links to a mirror of unpacked providers: the link goes, the mirror stays."""
        engine.repository()
        services, old = engine.application.services, self.provider(engine, "old", 31)
        mirror = tmp_path / "mirror"
        (old / "linux_amd64").rename(mirror)
        (old / "linux_amd64").symlink_to(mirror)
        os.utime(old, (0, 0))

        housekeeping.tidy(services)

        assert not old.exists()
        assert [path.name for path in mirror.iterdir()] == ["terraform-provider-old"]
