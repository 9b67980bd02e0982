"""What people do to branches: rewrite them, bring them back late, delete forty at once; and a remote that is slow."""

import json
import threading

from envmgr.domain.values.environment import Guard, RunKind, Status
from envmgr.domain.values.names import RepositoryId
from tests.support import warm
from tests.support.engine import MODULE, Engine, code, push
from tests.support.git_server import GitServer
from tests.support.waiting import wait_for

MORE = MODULE + '\nresource "terraform_data" "more" {}\n'
FORTY = [f"e{number}" for number in range(40)]


def resource_id(engine: Engine, name: str) -> str:
    """The identity that the module's one resource was given when it was created."""
    resources = json.loads(engine.state(name).read_text())["resources"]
    found = next(r for r in resources if r["name"] == "app")
    return str(found["instances"][0]["attributes"]["id"])


def approve_all(engine: Engine) -> None:
    """What a person types."""
    where = ["--config", str(engine.config), "--data-dir", str(engine.data)]
    done = warm.run("envmgr", [*where, "approve", "--all", "--yes", "--json"], timeout=200)
    assert done.returncode == 0, done.stderr
    assert sorted(e["environment"] for e in json.loads(done.stdout)) == sorted(FORTY)


def test_a_force_push_is_applied_and_destroys_nothing(engine: Engine) -> None:
    """To a commit without any history in common, and back to one that was there before."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    first, created = shop.head("env-alice") or "", resource_id(engine, "alice")

    rewritten = shop.force_push("env-alice", code(module=MORE))
    engine.turn(seconds=30)
    assert engine.environment("alice").applied.commit == rewritten
    assert resource_id(engine, "alice") == created
    assert "terraform_data.more" in engine.environment("alice").applied.resources

    shop.point(["env-alice"], first)
    engine.turn(seconds=30)
    assert engine.environment("alice").applied.commit == first
    assert resource_id(engine, "alice") == created
    assert engine.runs(RunKind.DESTROY) == []


def test_a_branch_that_comes_back_after_the_grace_period_begins_anew(engine: Engine) -> None:
    """Its first environment was destroyed whole; the second is another, with nothing of the first's record."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    commit, created = shop.head("env-alice") or "", resource_id(engine, "alice")
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED

    shop.point(["env-alice"], commit)
    engine.turn(seconds=30)
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit, alice.is_missing) == (Status.READY, commit, False)
    assert alice.life.created_at == engine.clock()
    assert resource_id(engine, "alice") != created


def test_forty_branches_deleted_at_once_all_wait_until_they_are_approved(engine: Engine) -> None:
    """Those with resources and those that were never applied alike; one that stays is not touched."""
    engine.settings["limits"] = {"environments": 3, "concurrency": 2}
    shop = engine.repository()
    push(shop, ["stays", *FORTY[:2]])
    engine.turn()
    shop.point([f"env-{name}" for name in FORTY[2:]], shop.head("env-e0") or "")
    engine.turn(seconds=30)
    shop.delete(*(f"env-{name}" for name in FORTY))
    engine.calls()

    engine.turn(4, hours=1)
    assert engine.statuses() == {**dict.fromkeys(FORTY, "waiting"), "stays": "ready"}
    assert engine.calls() == []
    held = engine.application.services.store.environments(repository=RepositoryId("acme", "shop"))
    held = [e for e in held if e.id.name != "stays"]
    assert sorted(e.id.name for e in held) == sorted(FORTY)
    assert {e.hold.guard for e in held} == {Guard.MASS_DESTROY}
    assert all("envmgr approve acme/shop/" in e.message for e in held)

    approve_all(engine)
    engine.turn(seconds=30)
    assert engine.statuses() == {**dict.fromkeys(FORTY, "destroyed"), "stays": "ready"}
    assert len(engine.runs(RunKind.DESTROY)) == 2
    assert not engine.state("e0").exists()
    assert not engine.state("e1").exists()
    assert engine.state("stays").exists()


def test_a_remote_that_is_slow_within_its_limit_succeeds_and_delays_no_other(
    engine: Engine, git_server: GitServer
) -> None:
    """The others' answers are in the records while the slow one still thinks."""
    for name in ("slow", "shop", "mail"):
        repository = engine.repository(name)
        repository.path.rename(git_server.root / f"{name}.git")
        repository.path = git_server.root / f"{name}.git"
        engine.repository_settings[name] = {"url": git_server.http_url(name)}
        repository.point(["env-alice"], repository.head("main") or "")
    answers = threading.Event()
    git_server.fail("slow", until=answers)
    store = engine.application.services.store
    errors: list[str] = []
    look = threading.Thread(target=lambda: errors.extend(engine.poll()))
    look.start()

    def answered(name: str) -> bool:
        return store.repository(RepositoryId("acme", name)).succeeded_at is not None

    wait_for(lambda: answered("shop") and answered("mail"))
    assert not answered("slow"), "the others would have waited for it"
    answers.set()
    look.join(200)
    assert errors == []
    assert answered("slow")
    assert engine.environment("alice", "slow").status is Status.PENDING


def test_since_when_a_remote_is_away_is_known(engine: Engine) -> None:
    """To the last look that answered, though nothing was new for days; no more once it answers again."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn(4, hours=9)
    store, last = engine.application.services.store, engine.clock()
    away = shop.path.with_name("away.git")
    shop.path.rename(away)

    engine.turn(2, hours=1)

    [(name, polled)] = store.unreachable().items()
    assert (name, polled.succeeded_at, polled.failures) == (RepositoryId("acme", "shop"), last, 2)
    assert polled.error
    assert engine.environment("alice").status is Status.READY
    away.rename(shop.path)
    engine.turn(hours=1)
    assert store.unreachable() == {}
