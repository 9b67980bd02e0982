"""Invariant 18: a listing is evidence only about the history that was known; anything else destroys nothing."""

import shutil

from envmgr.domain.values.environment import Guard, Status
from tests.support.engine import Engine, push
from tests.support.git_repository import GitRepository

NAMES = ["alice", "bob", "carol"]


def made(engine: Engine) -> GitRepository:
    """A repository with three environments that are ready."""
    shop = engine.repository()
    push(shop, NAMES)
    engine.turn()
    assert set(engine.statuses().values()) == {"ready"}
    return shop


def check_held(engine: Engine, *names: str) -> None:
    """All of them wait for a person, with a sentence that says why, and have all they had."""
    for name in names:
        held = engine.environment(name)
        assert (held.status, held.hold.guard, held.absences) == (Status.WAITING, Guard.HISTORY, 0)
        assert "another history" in held.message
        assert f"envmgr approve acme/shop/{name}" in held.message
        assert "small" in engine.state(name).read_text()


def test_a_fork_has_the_history_but_not_the_branches(engine: Engine) -> None:
    """Also where the address of the very same history changed, what is missing there waits."""
    shop = made(engine)
    fork = shutil.copytree(shop.path, engine.folder / "remotes" / "fork.git")
    engine.repositories["shop"] = GitRepository(fork)
    engine.repositories["shop"].delete("env-bob", "env-carol")
    engine.restart()
    engine.turn(4, minutes=10)
    check_held(engine, "bob", "carol")
    assert engine.environment("alice").status is Status.READY


def test_a_default_branch_that_cannot_be_fetched_is_no_evidence(engine: Engine) -> None:
    """Nothing counts, the remote's fault is said; healed, the deletion counts from then on."""
    shop = made(engine)
    commit = shop.commit("main", {"a": "1"})
    shop.delete("env-alice")
    lost = shop.path / "objects" / commit[:2] / commit[2:]
    if not lost.exists():
        shop.git("unpack-objects", stdin=b"")
    hidden = lost.with_suffix(".hidden")
    lost.rename(hidden)
    errors = engine.turn(3, minutes=10)
    assert "no missing branch counts as gone" in errors[0]
    assert engine.environment("alice").status is Status.READY
    hidden.rename(lost)
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_pass_without_news_asks_the_remote_nothing_more(engine: Engine) -> None:
    """Commits on the default branch alone are no reason to fetch it."""
    shop = made(engine)
    asked: list[object] = []
    fetch = engine.application.services.git.fetch
    engine.application.services.git.fetch = lambda *args: (asked.append(args), fetch(*args))[1]  # type: ignore[method-assign, func-returns-value]
    shop.commit("main", {"a": "1"})
    engine.turn(3, minutes=10)
    assert asked == []
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert len(asked) == 1
    assert engine.environment("alice").status is Status.DESTROYED
