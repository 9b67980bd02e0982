"""What verbs do with `--server` is what they do on the host: the same output, JSON, exit codes and records."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envmgr.daemon.request_watch import RequestWatch
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, Hold, Status
from envmgr.domain.values.names import RepositoryId
from tests.support.command_line import Done, envmgr, on_host
from tests.support.elsewhere import Elsewhere, serving

SHOP = RepositoryId("acme", "shop")


@contextmanager
def daemon(elsewhere: Elsewhere) -> Iterator[None]:
    """One that takes up what is asked for, for a block."""
    over = threading.Event()
    watch = RequestWatch(elsewhere.site.runtime(elsewhere.world.daemon.application))

    def work() -> None:
        while not over.wait(0.05):
            watch.tick()
            watch.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        watch.close()


def here(elsewhere: Elsewhere, *words: str) -> Done:
    """A verb on the host."""
    with on_host(elsewhere.world.person.application):
        return envmgr(*words)


def there(elsewhere: Elsewhere, *words: str) -> Done:
    """A verb from another machine, with a daemon on the host."""
    with daemon(elsewhere):
        return elsewhere.asks(*words)


def held(elsewhere: Elsewhere) -> None:
    """A guard holds alice back."""
    alice = elsewhere.world.environment("alice")
    store: Any = elsewhere.world.store
    store._put(replace(alice, status=Status.WAITING, message="Too many.", hold=Hold(Guard.MASS_DESTROY)))


def suspended(elsewhere: Elsewhere) -> None:
    """Alice is left alone."""
    assert here(elsewhere, "suspend", "alice").code == 0


def pushed(elsewhere: Elsewhere) -> None:
    """Alice's branch has something newer."""
    elsewhere.world.push("alice", **{"terraform/more.tf": 'resource "aws_sqs_queue" "more" {}\n'})
    application = elsewhere.world.daemon.application
    application.poller.poll(application.services.repositories[SHOP])


def frozen(elsewhere: Elsewhere) -> None:
    """Nothing is applied in shop."""
    assert here(elsewhere, "freeze", "acme/shop", "--reason", "migration").code == 0


VERBS = {
    "freeze acme --reason audit": None,
    "freeze acme/shop --reason audit --until 2030-01-01T00:00Z --json": None,
    "freeze --reason audit": None,
    "freeze acme --reason audit --until yesterday": None,
    "freeze acme/none --reason audit": None,
    "thaw acme/shop": frozen,
    "thaw --json": frozen,
    "thaw": None,
    "thaw acme": frozen,
    "apply alice --yes ": frozen,
    "destroy alice --yes --override-freeze": frozen,
    "suspend alice": None,
    "suspend alice --json": None,
    "suspend alice --reason demo": None,
    "resume alice": suspended,
    "extend alice 3d": None,
    "extend alice 3d --set-end --json": None,
    "approve alice": None,
    "approve --all --yes --json": held,
    "plan alice": None,
    "plan alice --destroy": None,
    "plan alice --json --destroy": None,
    "drift alice": None,
    "drift alice --json": None,
    "apply alice --yes": pushed,
    "apply alice --yes --json": None,
    "destroy alice --yes": None,
    "rollback alice --to HEAD --yes": None,
    "destroy alice": None,
}


@pytest.mark.parametrize("words", VERBS)
def test_a_verb_does_the_same_from_anywhere(tmp_path: Path, words: str) -> None:
    """In two worlds that are alike, but for who asks."""
    found = []
    for folder, do in (("here", here), ("there", there)):
        with serving(tmp_path / folder) as elsewhere:
            before, first = VERBS[words], elsewhere.world.environment("alice").commit
            if before is not None:
                before(elsewhere)
            done, alice = do(elsewhere, *words.split()), elsewhere.world.environment("alice")
            out = done.out.replace("token admin.acme.None", "user ann")
            for commit in (first, alice.commit):
                out = out.replace(commit, "COMMIT").replace(commit[:10], "COMMIT")
            last = done.err.splitlines()[-1:] if done.code and "plan" not in words else []
            found.append((done.code, out, last, alice.status, alice.suspended_by, alice.life, alice.hold))
    assert found[1] == found[0]


def test_a_plan_is_shown_and_asked_for_and_just_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no leaves all as it is."""
    monkeypatch.setattr("envmgr.cli.verbs.change.destroy.require_consent", lambda *_: None)
    with serving(tmp_path) as elsewhere:
        monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: False)
        refused = there(elsewhere, "destroy", "alice")
        assert refused.code == 1
        assert "acme/shop/alice: 0 to add, 0 to change, 1 to destroy." in refused.err
        assert elsewhere.world.status("alice") is Status.READY
        monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: True)
        assert there(elsewhere, "destroy", "alice").code == 0
        asked = list(elsewhere.world.store.requests.kept.values())
        assert "plans" in asked[-1].options
        assert elsewhere.world.status("alice") is Status.SUSPENDED


def test_who_may_not_is_told_which_role_may(tmp_path: Path) -> None:
    """And nothing is written down."""
    with serving(tmp_path) as elsewhere:
        done = elsewhere.whose(Role.VIEWER).asks("suspend", "alice")
        assert (done.code, done.out) == (1, "")
        assert "developer" in done.err
        assert not elsewhere.world.store.requests.kept


def test_ctrl_c_leaves_the_request_and_says_how_to_follow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits on, for the daemon."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with serving(tmp_path) as elsewhere:
        monkeypatch.setattr("envmgr.cli.remote.wishes.time.sleep", interrupt)
        done = elsewhere.asks("suspend", "alice")
        assert done.code == 130
        assert "Request 1 goes on without you: `envmgr events acme/shop/alice --follow`" in done.err
        (waiting,) = elsewhere.world.store.requests.pending()
        assert waiting.id == 1


@pytest.mark.parametrize(
    "words", ["plan alice --save x.plan", "apply alice --yes --plan pyproject.toml", "drift", "apply alice"]
)
def test_what_only_the_host_can_do_is_a_usage_error(tmp_path: Path, words: str) -> None:
    """Files stay where they are, and nobody is asked where there is no terminal."""
    environ = {"ENVMGR_SERVER": "http://127.0.0.1:1", "ENVMGR_TOKEN": "envmgr_x"}
    done = envmgr(*words.split(), environ=environ)
    assert (done.code, done.out) == (2, "")
