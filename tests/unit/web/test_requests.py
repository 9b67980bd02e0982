"""What is asked for over the network: written down, done once by the daemon for who asked, or refused with a sentence."""

import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from envmgr.commands import tokens
from envmgr.commands.fulfilment import asker_of, fulfil
from envmgr.commands.requests import Asked, ask, held_of
from envmgr.daemon.request_watch import RequestWatch
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.access.roles import Rules, signed_in
from envmgr.domain.values.asking.person import Action, Role
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.drift import Difference, checked
from envmgr.domain.values.environment import Guard, Lease, RunKind, RunStatus, Status, Suspension
from tests.support.records import altered
from tests.support.store import THEIRS
from tests.support.waiting import wait_for

from .conftest import ALICE, Site

Ask = Callable[..., dict[str, Any]]


def test_a_plan_is_shown_and_just_that_is_applied(site: Site, asked: Ask) -> None:
    """The result has what would change, in Terraform's words; what is done is that."""
    shown = asked("plan", {"destroy": True})
    assert shown["status"] == "succeeded", shown
    (planned,) = shown["result"]["planned"]
    assert planned["has_changes"]
    assert planned["text"]
    assert planned["run"]
    assert "plans" not in shown["result"], "what stands for a plan is nobody's to send back"
    done = asked("destroy", {"plan": shown["id"]})
    assert (done["status"], done["message"]) == ("succeeded", "")
    assert site.world.environment("alice").status is Status.SUSPENDED


@pytest.mark.parametrize("wrong", ["apply", "rollback"])
def test_a_plan_is_good_for_just_what_it_is_of(site: Site, asked: Ask, wrong: str) -> None:
    """A plan to destroy is none to apply."""
    shown = asked("plan", {"destroy": True})
    body = {"plan": shown["id"], "revision": "previous"} if wrong == "rollback" else {"plan": shown["id"]}
    assert site.asks("POST", f"{ALICE}/{wrong}", body=body).status_code in (409, 422)


def test_another_plan_than_the_one_shown_is_not_done(site: Site, asked: Ask) -> None:
    """Also where the commit is the same: somebody changed the cloud by hand meanwhile."""
    shown = asked("plan", {"destroy": True})
    before = site.world.environment("alice")
    site.world.store.requests.kept[shown["id"]].result["plans"][""] = "another"
    refused = asked("destroy", {"plan": shown["id"]})
    assert refused["status"] == "refused"
    assert "another now than the one that was shown" in refused["message"]
    assert site.world.environment("alice").applied == before.applied
    assert site.world.environment("alice").status is Status.READY


def test_what_was_asked_for_another_commit_is_refused(site: Site) -> None:
    """A push came between the wish and its turn."""
    written = site.asks("POST", f"{ALICE}/destroy").json()
    site.world.push("alice", **{"newer.txt": "1"})
    site.world.turn(2)
    site.works()
    found = site.asks("GET", f"/requests/{written['id']}").json()
    assert found["status"] == "refused"
    assert "no longer at" in found["message"]
    assert site.world.environment("alice").status is Status.READY


def test_what_she_thinks_of_it_must_be_so(site: Site) -> None:
    """A commit that the branch does not point at is told at once."""
    answer = site.asks("POST", f"{ALICE}/destroy", body={"commit": "0" * 40})
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
    assert site.asks("GET", "/requests").json()["items"] == []


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("destroy", None, "suspended"),
        ("suspend", {"reason": "demo on Friday"}, "suspended"),
        ("apply", None, "ready"),
        ("extend", {"duration": "3d", "set_end": True}, "ready"),
        ("drift", None, "ready"),
    ],
)
def test_each_verb_does_what_it_does_at_the_command_line(
    site: Site, asked: Ask, verb: str, body: object, status: str
) -> None:
    """And is told as hers: what was asked for and what was done."""
    found = asked(verb, body, Role.DEVELOPER)
    assert (found["status"], found["message"]) == ("succeeded", ""), found
    assert site.world.environment("alice").status == status
    actors = {e.actor for e in site.world.store.events() if e.action == "asked"}
    assert actors == {"token developer.acme.None"}
    if body and "reason" in str(body):
        assert "demo on Friday" in site.world.environment("alice").message


def test_what_is_suspended_is_resumed_by_who_may(site: Site, asked: Ask) -> None:
    """And the daemon brings it back."""
    asked("suspend")
    assert asked("resume")["status"] == "succeeded"
    site.world.turn()
    assert site.world.environment("alice").status is Status.READY


def test_a_guard_is_passed_by_an_approver(site: Site, asked: Ask) -> None:
    """The one that was there when she asked, and no other."""
    identity = site.world.environment("alice").id
    site.world.store.update(identity, None, site.world.now, lambda e: altered(e, hold=Guard.LIMIT))
    assert asked("approve", role=Role.APPROVER)["status"] == "succeeded"
    assert site.world.environment("alice").hold.approved is Guard.LIMIT
    site.world.store.update(identity, None, site.world.now, lambda e: altered(e, hold=None, approved=None))
    assert site.asks("POST", f"{ALICE}/approve").status_code == 409


def test_a_yes_is_to_what_was_seen(site: Site) -> None:
    """Neither to another guard than she names, nor to another plan, nor to what it is about once she has asked."""
    identity, now = site.world.environment("alice").id, site.world.now

    def holds(action: str) -> None:
        found = checked(None, (Difference(address="aws_s3_bucket.data", action=action),), now)
        site.world.store.update(
            identity, None, now, lambda e: replace(altered(e, hold=Guard.DRIFT), drift=found)
        )

    holds("update")
    other = site.asks("POST", f"{ALICE}/approve", Role.APPROVER, body={"guard": Guard.LIMIT.value})
    assert (other.status_code, "Look again" in other.json()["detail"]) == (409, True)
    plan = site.asks("POST", f"{ALICE}/approve", Role.APPROVER, body={"proposal": "0" * 12})
    assert (plan.status_code, "no plan 000000000000" in plan.json()["detail"]) == (409, True)
    written = site.asks("POST", f"{ALICE}/approve", Role.APPROVER, body={"guard": Guard.DRIFT.value}).json()
    holds("delete")
    site.works()
    found = site.asks("GET", f"/requests/{written['id']}", Role.APPROVER).json()
    assert (found["status"], "for another reason" in found["message"]) == ("refused", True)
    assert site.world.environment("alice").hold.approved is None


def test_a_yes_on_the_page_is_to_what_it_showed(site: Site) -> None:
    """Not to another history that was offered since, nor to another plan: what stands in the form says so."""
    store, identity = site.world.store, site.world.environment("alice").id
    runtime = site.world.daemon.application

    def offers(commit: str) -> None:
        state = replace(store.repository(identity.repository_id), offered_commit=commit)
        store.save_repository(identity.repository_id, state)

    store.update(identity, None, site.world.now, lambda e: altered(e, hold=Guard.HISTORY))
    offers("1" * 40)
    held = held_of(runtime, store.environments())
    wish = Asked(environment=identity, action=Action.APPROVE, held=held)
    offers("2" * 40)
    with pytest.raises(NeedsPerson, match="not what was shown any more"):
        ask(runtime, wish)
    offers("1" * 40)
    request = ask(runtime, wish)
    offers("2" * 40)
    fulfil(runtime, request)
    refused = store.requests.get(request.id)
    assert refused is not None
    assert (refused.status, "for another reason" in refused.message) == (RequestStatus.REFUSED, True)
    assert site.world.environment("alice").hold.approved is None


def test_a_wish_with_a_key_is_written_down_once(site: Site) -> None:
    """By the same asker; the same key for something else is told."""
    first, again = (site.asks("POST", f"{ALICE}/plan", key="k").json()["id"] for _ in range(2))
    assert first == again
    other = site.asks("POST", f"{ALICE}/destroy", key="k")
    assert (other.status_code, "Idempotency-Key" in other.json()["detail"]) == (422, True)
    hers = site.asks("POST", f"{ALICE}/plan", Role.DEVELOPER, key="k").json()["id"]
    assert hers != first
    assert [e.action for e in site.world.store.events()].count("asked") == 2


def test_who_asks_again_is_told_of_her_wish_whatever_was_pushed_since(site: Site) -> None:
    """No answer came, she sends the same once more: it is what it was, but not by who may no longer, nor of another commit."""
    body = {"commit": site.world.environment("alice").commit}
    first = site.asks("POST", f"{ALICE}/destroy", Role.DEVELOPER, body, "k").json()
    site.world.push("alice", **{"newer.txt": "1"})
    site.world.turn(2)
    again = site.asks("POST", f"{ALICE}/destroy", Role.DEVELOPER, body, "k")
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    newer = {"commit": site.world.environment("alice").commit}
    assert site.asks("POST", f"{ALICE}/destroy", Role.DEVELOPER, newer, "k").status_code == 422
    assert site.asks("POST", f"{ALICE}/destroy", Role.VIEWER, body, "k").status_code == 403
    assert site.asks("POST", f"{ALICE}/destroy", Role.DEVELOPER, body, "other").status_code == 409


def test_what_runs_is_cancelled_by_who_may_while_the_environment_is_busy(site: Site) -> None:
    """Whoever works there ends as it is told to, and what waited for its turn does not keep that waiting."""
    store, alice = site.world.store, site.world.environment("alice")
    busy = store.acquire(alice.id, THEIRS, "apply", site.world.now, timedelta(hours=1), lambda _: False)
    assert isinstance(busy, Lease)
    run = store.start_run(alice.id, RunKind.APPLY, alice.commit, THEIRS, "push", site.world.now)
    assert site.asks("POST", f"{ALICE}/cancel", Role.VIEWER).status_code == 403
    waits = site.asks("POST", f"{ALICE}/drift", Role.DEVELOPER).json()["id"]
    number = site.asks("POST", f"{ALICE}/cancel", Role.DEVELOPER).json()["id"]
    watch = RequestWatch(site.runtime(site.world.daemon.application))
    watch.tick()
    wait_for(lambda: site.world.environment("alice").suspended_by is Suspension.CANCEL)
    store.finish_run(run.id, RunStatus.INTERRUPTED, site.world.now, "Cancelled.")
    store.release(busy)
    assert watch.wait(20)
    watch.close()
    found = site.asks("GET", f"/requests/{number}").json()
    assert (found["status"], found["result"]["over"]) == ("succeeded", True), found
    assert site.asks("GET", f"/requests/{waits}").json()["status"] == "waiting"


def test_where_nothing_runs_there_is_nothing_to_cancel(site: Site, asked: Ask) -> None:
    """And no mark stays that would hold back what comes next."""
    found = asked("cancel", role=Role.DEVELOPER)
    assert (found["status"], "nothing to cancel" in found["message"]) == ("refused", True)
    assert site.world.environment("alice").suspended is None


def test_who_lost_her_role_meanwhile_is_refused(site: Site) -> None:
    """Roles and tokens are those of when it is done."""
    secret = site.token(Role.DEVELOPER)
    written = site.asks("POST", f"{ALICE}/destroy", Role.DEVELOPER).json()
    tokens.revoke(site.world.person.application, "developer.acme.None")
    assert secret
    site.works()
    found = site.asks("GET", f"/requests/{written['id']}").json()
    assert (found["status"], "not valid any more" in found["message"]) == ("refused", True)
    assert site.world.environment("alice").status is Status.READY


def test_who_signed_in_has_the_roles_of_now(site: Site) -> None:
    """A person who is asked for by name in the files, and then is not."""
    rules = {"acme": Rules({Role.DEVELOPER: ("group:dev",)})}
    carol = signed_in("carol", ("dev",), rules)
    runtime = site.world.person.application.asked_by(carol)
    wish = Asked(environment=site.world.environment("alice").id, action=Action.DESTROY)
    request = ask(runtime, wish)
    assert str(request.asker) == "person carol"
    assert asker_of(site.runtime(runtime), request).role("acme") is None
    site.works()
    assert site.world.store.requests.kept[request.id].status == "refused"


class Straight(Executor):
    """Does what it is given at once, so that whoever dies of it dies here."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Done when it comes back."""
        done = Future[Any]()
        done.set_result(fn(*arguments, **named))
        return done


def work(site: Site) -> None:
    """The daemon takes up what waits, in this thread; where it dies of that another follows it."""
    watch = RequestWatch(site.runtime(site.world.daemon.application))
    watch._pool = Straight()  # type: ignore[assignment]
    site.world.daemon.does(watch.tick)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["destroy", "apply", "suspend", "extend", "plan"])
def test_a_kill_at_any_call_loses_no_wish_and_does_none_twice(site: Site, verb: str, after: bool) -> None:
    """Whenever the daemon dies, the next one takes it up, and it ends as if nobody had died."""
    body = {"duration": "3d", "set_end": True} if verb == "extend" else None
    kills = 0
    for dies_at in itertools.count(1, 3):
        site.world.turn(2)
        number = site.asks("POST", f"{ALICE}/{verb}", body=body).json()["id"]
        site.world.restart(dies_at=dies_at, after=after)
        life = site.world.daemon.life
        for _ in range(3):  # where it did not come to its death in the first
            site.world.forward(minutes=1)
            work(site)
        found = site.world.store.requests.kept[number]
        assert found.status is RequestStatus.SUCCEEDED, (dies_at, found)
        assert not site.world.broken
        is_gone = site.world.environment("alice").status is Status.SUSPENDED
        assert is_gone is (verb in ("destroy", "suspend"))
        if is_gone:
            site.asks("POST", f"{ALICE}/resume")
            work(site)
        if not life.is_dead:
            break
        kills += 1
    assert kills > 3
