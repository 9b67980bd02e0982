"""What verbs do with `--server` is what they do on the host: the same output, JSON, exit codes and records."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envmgr.daemon.request_watch import RequestWatch
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, Hold, RunKind, Status
from envmgr.domain.values.forge import PreviewRules
from envmgr.domain.values.hosts.host import SILENT
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline.proposal import Check, Gates, OnFailure, Terms
from tests.support.command_line import Done, envmgr, on_host
from tests.support.elsewhere import OTHER, Elsewhere, beside, served, serving
from tests.support.in_memory.previews import CAGED, PreviewWorld
from tests.support.in_memory.rules import Rules
from tests.unit.web.conftest import Site


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
    elsewhere.poll()


def frozen(elsewhere: Elsewhere) -> None:
    """Nothing is applied in shop."""
    assert here(elsewhere, "freeze", "acme/shop", "--reason", "migration").code == 0


def left_running(elsewhere: Elsewhere) -> None:
    """A process that died was planning for alice."""
    world = elsewhere.world
    alice, dead = world.environment("alice"), world.host.start()
    world.host.end(dead)
    world.store.start_run(alice.id, RunKind.PLAN, alice.commit, dead, "daemon", world.now)


def drained(elsewhere: Elsewhere) -> None:
    """Another host takes no new work."""
    beside(elsewhere.world)
    elsewhere.world.store.hosts.drain("id-of-build-2", draining=True)


def silent(elsewhere: Elsewhere) -> None:
    """Nothing is heard of another host, which worked on alice."""
    world = elsewhere.world
    beside(world)
    world.store.acquire(world.environment("alice").id, OTHER, "apply", world.now, SILENT * 2, lambda _: False)
    world.forward(seconds=SILENT.total_seconds() + 1)


VERBS = {
    "hosts drain build-2": lambda elsewhere: beside(elsewhere.world),
    "hosts drain id-of-b": lambda elsewhere: beside(elsewhere.world),
    "hosts drain build-2 ": drained,
    "hosts drain build-2 --off": drained,
    "hosts forget build-2": lambda elsewhere: beside(elsewhere.world),
    "hosts forget build-2 ": silent,
    "hosts list": silent,
    "hosts drain ../build-2": None,
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
    "drift": pushed,
    "drift --json": None,
    "cancel alice": None,
    "cancel alice --json": left_running,
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


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1", "@", "@~1", "previous"])
def test_a_way_back_is_shown_and_gone_to_the_same_commit_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    """`HEAD` is what the branch points at, and never that of the mirror, which is another branch's."""
    monkeypatch.setattr("envmgr.cli.verbs.change.rollback.require_consent", lambda *_: None)
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: True)
    for do in (here, there):
        with serving(tmp_path / do.__name__) as elsewhere:
            first = elsewhere.world.environment("alice").commit
            pushed(elsewhere)
            elsewhere.world.turn(2)
            newest = elsewhere.world.environment("alice").commit
            done = do(elsewhere, "rollback", "alice", "--to", revision)
            assert done.code == 0, done.err
            alice = elsewhere.world.environment("alice")
            assert alice.pinned_commit == (newest if revision in ("HEAD", "@") else first)
            assert alice.applied.commit == alice.pinned_commit


def checked(folder: Path, on_failure: OnFailure) -> Rules:
    """A repository whose policy finds something in each plan."""
    folder.mkdir(parents=True)
    policy = folder / "policy.rego"
    policy.write_text(
        'package envmgr\n\ndeny contains "There is a queue." if { input.envmgr.changes.add > 0 }\n'
    )
    return Rules(gates=Gates(checks=(Check(name="queues", on_failure=on_failure, policy=policy),)))


@pytest.mark.parametrize("do", [here, there])
def test_what_a_check_refuses_is_not_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: Callable[..., Done]
) -> None:
    """From anywhere: the sentence comes in place of the question, and `plan` shows the plan with it."""
    monkeypatch.setattr("envmgr.cli.verbs.change.apply.require_consent", lambda *_: None)
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: pytest.fail("asked"))
    with serving(tmp_path / "world", checked(tmp_path / "policies", "refuse")) as elsewhere:
        done = do(elsewhere, "apply", "alice")
        assert done.code == 1
        assert done.err.endswith("Check queues refuses the plan: There is a queue. Nothing was applied.\n")
        assert not elsewhere.world.in_cloud("alice")
        shown = do(elsewhere, "plan", "alice")
        assert shown.code == 2
        assert "aws_sqs_queue.app" in shown.out
        assert "Check queues refuses the plan: There is a queue." in shown.out


@pytest.mark.parametrize("do", [here, there])
def test_what_a_check_warns_of_is_shown_before_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: Callable[..., Done]
) -> None:
    """And is part of the plan that is said yes to: just that is applied."""
    monkeypatch.setattr("envmgr.cli.verbs.change.apply.require_consent", lambda *_: None)
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: True)
    with serving(tmp_path / "world", checked(tmp_path / "policies", "warn")) as elsewhere:
        elsewhere.world.push("bob")
        elsewhere.poll()
        done = do(elsewhere, "apply", "bob")
        assert done.code == 0, done.err
        assert "Check queues warns: There is a queue." in done.err
        assert elsewhere.world.status("bob") is Status.READY
        events = [e.action for e in elsewhere.world.store.events(elsewhere.world.environment("bob").id)]
        assert events.count("check-warned") == 1  # of the apply alone


@pytest.mark.parametrize("do", [here, there])
def test_what_has_to_go_elsewhere_before_is_not_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: Callable[..., Done]
) -> None:
    """A promotion past what comes before."""
    monkeypatch.setattr("envmgr.cli.verbs.change.promote.require_consent", lambda *_: None)
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: pytest.fail("asked"))
    named = (
        Named(name="test", branch="env-test"),
        Named(name="staging", branch="env-staging"),
        Named(name="production", branch="env-production", after=("staging",)),
    )
    with serving(tmp_path, Rules(named=named)) as elsewhere:
        for name in ("staging", "production"):
            elsewhere.world.push(name)
        elsewhere.poll()
        elsewhere.world.turn(3)
        elsewhere.world.push("test", **{"terraform/more.tf": 'resource "aws_sqs_queue" "more" {}\n'})
        elsewhere.poll()
        elsewhere.world.turn(2)
        done = do(elsewhere, "promote", "test", "--to", "production")
        assert done.code == 1
        assert "was never ready in staging" in done.err.splitlines()[-1]


@pytest.mark.parametrize("do", [here, there])
def test_what_is_frozen_is_not_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: Callable[..., Done]
) -> None:
    """From anywhere."""
    monkeypatch.setattr("envmgr.cli.verbs.change.apply.require_consent", lambda *_: None)
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: pytest.fail("asked"))
    with serving(tmp_path) as elsewhere:
        pushed(elsewhere)
        frozen(elsewhere)
        done = do(elsewhere, "apply", "alice")
        assert done.code == 1
        assert "migration" in done.err.splitlines()[-1]


@pytest.mark.parametrize("text", ["production", "shop/production", "acme/shop/production"])
def test_what_waits_for_its_first_tag_says_so_from_anywhere(tmp_path: Path, text: str) -> None:
    """By whatever name; of what nobody names there is nothing."""
    with serving(tmp_path, Rules(named=(Named(name="production", tags="v*"),))) as elsewhere:
        done = elsewhere.asks("show", text)
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith("acme/shop/production waits for its first tag (v*).\n")
        assert "There is no environment 'prod'" in elsewhere.asks("show", "prod").err


def test_a_first_apply_of_several_applications_goes_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order: what the second is planned with, the first has to make."""
    monkeypatch.setattr("envmgr.cli.verbs.change.apply.require_consent", lambda *_: None)
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr("envmgr.cli.consent.ask", ask)
    rules = Rules(applications={"page": (), "first": ("page",)})
    with serving(tmp_path, rules) as elsewhere:
        elsewhere.world.push("bob")
        elsewhere.poll()
        done = there(elsewhere, "apply", "bob")
        assert (done.code, len(asked)) == (0, 2), done.err
        told = [e.environment for e in elsewhere.world.store.events() if e.action == "applied"]
        assert [e.application for e in told if e is not None and e.name == "bob"] == ["page", "first"]
        assert elsewhere.world.status("bob", "first") is Status.READY


def test_the_head_of_a_fork_is_approved_as_it_was_shown(tmp_path: Path) -> None:
    """By who may, whose it is and which commit said before; not by `--all`."""
    fork = PreviewWorld(tmp_path, PreviewRules(forks=True), cage=CAGED)
    commit = fork.opens(head="main", is_from_fork=True)
    fork.both(2)
    with served(Site(fork)) as elsewhere:
        unasked = elsewhere.asks("approve", "pr-7")
        everything = elsewhere.asks("approve", "--all", "--yes")
        refused = elsewhere.whose(Role.DEVELOPER).asks("approve", "pr-7", "--yes")
        assert (unasked.code, everything.code, refused.code) == (2, 0, 1)
        assert "wait: acme/shop/pr-7" in everything.err
        assert "approver" in refused.err
        assert fork.known().approved is None
        done = elsewhere.whose(Role.APPROVER).asks("approve", "acme/shop/pr-7", "--yes", "--json")
    assert done.code == 0
    assert f'"approved_commit": "{commit}"' in done.out
    assert "pull request 7 of alice" in done.err
    assert f"Its head is {commit}" in done.err
    fork.both()
    assert fork.environment("pr-7").applied.commit == commit


def test_a_proposal_is_approved_and_another_rejected(tmp_path: Path) -> None:
    """By somebody on another machine, who sees it first; what is rejected is not applied."""
    rules = Rules(gates=Gates(approval=Terms(needed=1, allows_author=True)))
    with serving(tmp_path, rules) as elsewhere:
        world = elsewhere.world
        assert world.environment("alice").proposal is not None
        shown = elsewhere.asks("show", "alice")
        assert "1 to add, 0 to change, 0 to destroy" in shown.out
        refused = there(elsewhere.whose(Role.DEVELOPER), "approve", "alice", "--yes")
        assert refused.code == 1
        assert "approver" in refused.err
        done = there(elsewhere.whose(Role.APPROVER), "approve", "alice", "--yes")
        assert (done.code, world.status("alice")) == (0, Status.WAITING), done.err
        assert "create: aws_sqs_queue.app" in done.err
        world.daemon.work()
        assert (world.status("alice"), len(world.in_cloud("alice"))) == (Status.READY, 1)
        pushed(elsewhere)
        world.daemon.work()
        first = world.environment("alice").applied.commit
        done = there(elsewhere.whose(Role.APPROVER), "reject", "alice", "--reason", "Friday")
        assert (done.code, "(Friday)" in done.out) == (0, True), done.err
        world.turn(2)
        assert (world.status("alice"), world.environment("alice").applied.commit) == (Status.WAITING, first)
        again = there(elsewhere.whose(Role.APPROVER), "reject", "alice")
        assert (
            again.code,
            "has no plan that waits for approval, it is waiting: The plan of" in again.err,
        ) == (1, True)
        assert again.err.endswith("a push, or `envmgr apply acme/shop/alice`, brings a new plan.\n")


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
    "words",
    [
        "plan alice --save x.plan",
        "apply alice --yes --plan pyproject.toml",
        "cancel alice --wait 1m",
        "apply alice",
        "promote alice --to bob",
    ],
)
def test_what_only_the_host_can_do_is_a_usage_error(tmp_path: Path, words: str) -> None:
    """Files stay where they are, and nobody is asked where there is no terminal."""
    environ = {"ENVMGR_SERVER": "http://127.0.0.1:1", "ENVMGR_TOKEN": "envmgr_x"}
    done = envmgr(*words.split(), environ=environ)
    assert (done.code, done.out) == (2, "")
    assert f"envmgr {words.split(maxsplit=1)[0]}" in done.err
