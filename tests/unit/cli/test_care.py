"""How drift, holds, schedules and ends of lives look in the verbs' text and JSON."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from json import dumps

import click
import pytest

from envmgr.cli import differences
from envmgr.cli.duration_type import Duration
from envmgr.cli.screen import commits
from envmgr.cli.verbs.change import approve, destroy, suspend
from envmgr.cli.verbs.see import drift, events, show
from envmgr.cli.verbs.see import list as listing
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import Absence, Environment, Event, Guard, Pin, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step
from envmgr.views import documents
from tests.support.memory_store import MemoryStore
from tests.support.records import altered, recorded

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
A, B = "a" * 40, "b" * 40
ALICE = recorded(
    id=EnvironmentId("acme", "shop", "alice"),
    branch="env-alice",
    commit=B,
    applied_commit=B,
    created_at=NOW,
    updated_at=NOW,
)
TAG = Difference(address='aws_instance.web["a"]', action="update", attributes={"tags": "4f1c", "ami": "77ab"})
GONE = Difference(address="aws_s3_bucket.files", action="create")
NONE = Drift(tried_at=NOW, checked_at=NOW)
FOUND = replace(NONE, differences=(TAG, GONE), noise=("aws_instance.web.etag",))
BLIND = replace(
    FOUND,
    error="the state\nis missing",
    failing_since=NOW + timedelta(hours=1),
    tried_at=NOW + timedelta(hours=2),
)


def cell(found: Environment, title: str) -> str:
    """What `list` has in a column."""
    row = listing._row(found, NOW, several=False)
    return dict(zip((column.title for column in listing._COLUMNS), row, strict=True))[title]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (NONE, "none, checked 2026-11-21 10:00:00Z"),
        (FOUND, "2 resources differ, checked 2026-11-21 10:00:00Z"),
        (Drift(tried_at=NOW), "unknown: not checked yet"),
        (
            BLIND,
            "unknown since 2026-11-21 11:00:00Z: the state is missing "
            "The last check that could run was at 2026-11-21 10:00:00Z.",
        ),
    ],
)
def test_drift_in_one_line(found: Drift, said: str) -> None:
    """Never without when, or since when it is not known."""
    assert differences.summary(found) == said


def test_each_difference_is_a_line() -> None:
    """All attributes by name; a control character in an address stays harmless."""
    assert list(differences.lines(FOUND)) == [
        'aws_instance.web["a"] (update: ami, tags)',
        "aws_s3_bucket.files (create)",
    ]
    (noise,) = differences.noise(FOUND)
    assert noise.startswith("aws_instance.web.etag (noise")
    odd = replace(FOUND, differences=(replace(GONE, address="a\x1b[2J\nb"),))
    assert list(differences.lines(odd)) == ["a\\x1b[2J b (create)"]


def test_drift_as_json_has_names_and_no_digest() -> None:
    """A digest of a short value can be guessed back."""
    found = documents.drift(FOUND)
    assert found["differences"][0] == {
        "address": 'aws_instance.web["a"]',
        "action": "update",
        "attributes": ["ami", "tags"],
    }
    assert "4f1c" not in dumps(found)
    assert (found["status"], found["noise"], found["error"]) == ("drift", ["aws_instance.web.etag"], None)
    blind = documents.drift(BLIND)
    assert (blind["status"], blind["failing_since"]) == ("unknown", "2026-11-21T11:00:00Z")
    assert blind["error"] == "the state\nis missing"


@pytest.mark.parametrize(
    ("pin", "applied", "shown", "held"),
    [
        (None, B, "bbbbbbb", None),
        (Pin(A), A, "aaaaaaa (held)", A),
        (Pin(A, over=B), A, "aaaaaaa (held)", A),
        (Pin(A, over="c" * 40), A, "aaaaaaa → bbbbbbb", None),  # a push has ended it
        (Pin(A), B, "bbbbbbb → aaaaaaa (held)", A),
    ],
)
def test_a_commit_that_a_rollback_holds(pin: Pin | None, applied: str, shown: str, held: str | None) -> None:
    """For as long as it does."""
    found = altered(ALICE, pin=pin, applied_commit=applied)
    assert commits(found) == shown
    assert found.pinned_commit == documents.environment(found)["pinned_commit"] == held
    assert (documents.environment_in_full(found, None, None)["pin"] is None) == (held is None)


def test_list_shows_what_somebody_should_look_at() -> None:
    """Drift and what is not known of it; an end once it was warned of."""
    assert cell(ALICE, "DRIFT") == cell(replace(ALICE, drift=NONE), "DRIFT") == ""
    assert cell(replace(ALICE, drift=FOUND), "DRIFT") == "drift"
    assert cell(replace(ALICE, drift=BLIND), "DRIFT") == "unknown"
    ends = altered(ALICE, expires_at=NOW + timedelta(hours=5))
    assert cell(ends, "EXPIRES") == "in 5h"
    assert cell(altered(ends, warned_at=NOW), "EXPIRES") == "in 5h !"
    assert cell(altered(ends, expires_at=NOW), "EXPIRES") == "now"


def test_show_has_drift_hold_and_the_branch_s_schedule() -> None:
    """As text and as JSON."""
    stops = Schedule(
        up="0 8 * * 1-5",
        down="0 19 * * 1-5",
        timezone="Europe/Berlin",
        down_run=(Step(name="stop", run="make stop"),),
    )
    found = replace(ALICE, drift=FOUND, pin=Pin(A, over=B), schedule=stops)
    facts = dict(show._facts(found, None, None, NOW))
    assert facts["schedule"] == "up 0 8 * * 1-5, down 0 19 * * 1-5, by stop (Europe/Berlin)"
    assert facts["held at"] == f"{A}, by a rollback, until `envmgr resume acme/shop/alice` or the next push"
    assert [line.strip() for line in facts["drift"].splitlines()] == [
        differences.summary(FOUND),
        *differences.lines(FOUND),
        *differences.noise(FOUND),
    ]
    document = documents.environment_in_full(found, None, None)
    assert document["pin"] == {"commit": A, "until_push": True}
    assert document["schedule"] is not None
    assert (document["schedule"]["up"], document["schedule"]["down_run"]) == ("0 8 * * 1-5", ["stop"])
    assert documents.environment_in_full(ALICE, None, None)["drift"] is None


def test_approve_shows_all_that_would_be_corrected(capsys: pytest.CaptureFixture[str]) -> None:
    """Not the noise, which is not corrected; and nothing of drift where another guard holds."""
    held = altered(ALICE, hold=Guard.DRIFT, message="Drift: … waits.", drift=FOUND)
    approve._show(held)
    assert capsys.readouterr().err.splitlines() == [
        "acme/shop/alice (drift.correct): Drift: … waits.",
        *(f"  {line}" for line in differences.lines(FOUND)),
    ]
    approve._show(altered(held, hold=Guard.LIMIT))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_resume_says_what_it_ends() -> None:
    """A rollback's hold by its commit."""
    assert suspend._resumed(None, ALICE).startswith("acme/shop/alice is managed again:")
    assert "no longer held at aaaaaaaaaa, it goes to bbbbbbbbbb:" in suspend._resumed(A, ALICE)


@pytest.mark.parametrize(
    ("found", "code"), [((), 0), ((NONE,), 0), ((NONE, FOUND), 2), ((FOUND, BLIND), 1), ((NONE, BLIND), 1)]
)
def test_exit_codes_of_drift(found: tuple[Drift, ...], code: int) -> None:
    """A check that could not run counts most."""
    assert drift._exit_code([(ALICE, each) for each in found]) == code


def test_a_check_that_fails_again_says_since_when(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, on one line."""
    drift._print(ALICE, BLIND)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "Error: acme/shop/alice: the state is missing (so since 2026-11-21 11:00:00Z)\n"


@pytest.mark.parametrize("wrong", ["soon", "1w", "", "-1d", "0s", "11y"])
def test_a_wrong_duration_is_refused_with_a_right_one(wrong: str) -> None:
    """As `extend` reads it."""
    with pytest.raises(click.BadParameter, match="7d"):
        Duration(positive=True).convert(wrong, None, None)


def test_events_that_are_followed_since_a_time_begin_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nothing has happened since: what is older is not shown later."""
    store = MemoryStore()
    store.record(Event(at=NOW, environment=ALICE.id, action="old", message="", actor="git"))
    new = Event(at=NOW + timedelta(hours=2), environment=ALICE.id, action="new", message="", actor="git")
    happening = [(), (new,)]

    def sleep(_: float) -> None:
        if not happening:
            raise KeyboardInterrupt
        for event in happening.pop(0):
            store.record(event)

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        events._follow(store, [ALICE.id], NOW + timedelta(hours=1), 0, as_json=False)
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines()] == ["new:"]


def test_what_was_destroyed_says_whether_its_branch_is_there() -> None:
    """It may have gone while somebody was asked."""
    done = altered(ALICE, status=Status.SUSPENDED)
    assert "suspended since its branch is still there" in destroy._report(done)
    gone = replace(done, absence=Absence(since=NOW, count=1))
    assert destroy._report(gone).startswith("acme/shop/alice is destroyed. Its branch went meanwhile")
