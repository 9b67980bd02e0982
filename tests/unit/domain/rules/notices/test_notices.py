"""What people are told: each change of state once, in words that harm no chat."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.notices.folding import StatusOf, Step, leading_old, steps, together
from envmgr.domain.rules.notices.wording import PLACES, TEMPLATE, harmless, text, title, unknown_places
from envmgr.domain.values.environment import Event, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.notices import Audience, Notice, Position
from tests.support.store import MINUTE, NOW

ALICE, BOB = EnvironmentId("acme", "shop", "alice"), EnvironmentId("acme", "site", "bob")
ELSE = EnvironmentId("other", "shop", "alice")
FIVE = frozenset({"failed", "recovered", "expires-soon", "waiting", "drift"})
START = Position(target="t", organization="acme", after=0)
Told = list[tuple[str, str]]


def event(number: int, action: str, of: EnvironmentId | None = ALICE, message: str = "Said.") -> Event:
    """One of the events."""
    return Event(id=number, at=NOW, environment=of, action=action, message=message, actor="daemon")


def told(
    *events: Event,
    statuses: Mapping[EnvironmentId, Status] | None = None,
    kinds: frozenset[str] = FIVE,
    position: Position = START,
    **audience: object,
) -> tuple[Told, Position]:
    """What is told of events, by kind and environment, and where that leads."""
    who = Audience(organization="acme", kinds=kinds, **audience)  # type: ignore[arg-type]
    status_of: StatusOf = (statuses or {ALICE: Status.FAILED, BOB: Status.FAILED}).get
    found, end = steps(who, position, events, NOW, status_of)
    return [(s.notice.kind, str(s.notice.event.environment)) for s in found], end


def test_a_failure_that_repeats_is_told_once_and_its_end_too() -> None:
    """Whatever fails meanwhile: its state changes twice."""
    first, then = told(event(1, "failed"), event(2, "failed"), event(3, "tests-failed"), event(4, "applied"))
    assert first == [("failed", "acme/shop/alice")]
    again, still = told(event(5, "failed"), event(6, "degraded"), position=then)
    assert (again, still.after) == ([], 6)
    ready, end = told(event(7, "applied"), statuses={ALICE: Status.READY}, position=still)
    assert ready == [("recovered", "acme/shop/alice")]
    assert not end.bad
    assert told(event(8, "failed"), position=end)[0] == [("failed", "acme/shop/alice")]


def test_one_that_failed_and_is_gone_is_forgotten() -> None:
    """And one whose end nobody wanted to be told of is known all the same."""
    _, then = told(event(1, "failed"), event(2, "failed", BOB))
    assert told(statuses={ALICE: Status.DESTROYED}, position=then)[1].bad == frozenset()
    only = frozenset({"failed"})
    _, then = told(event(1, "failed"), kinds=only)
    said, end = told(statuses={ALICE: Status.READY}, position=then, kinds=only)
    assert (said, end.bad) == ([], frozenset())
    assert told(event(1, "failed"), kinds=frozenset({"drift"}))[1].bad == frozenset()


def test_each_is_told_only_what_she_wants() -> None:
    """Of her organization, her repositories and her kinds; of what is of no environment where no other organization is there."""
    events = [
        event(1, "failed"),
        event(2, "failed", ELSE),
        event(3, "waiting", BOB),
        event(4, "pushed"),
        event(5, "proposed"),
        event(6, "expires-soon"),
        event(7, "drift"),
        event(8, "remote-failed", None),
    ]
    of_shop = Event(
        id=9, at=NOW, environment=None, place=("acme", "shop"), action="remote-failed", message="", actor="x"
    )
    kinds = [kind for kind, _ in told(*events)[0]]
    assert kinds == ["failed", "waiting", "waiting", "expires-soon", "drift"]
    assert told(*events, repositories=("site",))[0] == [("waiting", "acme/site/bob")]
    assert told(*events, is_whole_host=True)[0][-1] == ("failed", "None")
    assert told(of_shop)[0] == told(of_shop, repositories=("shop",))[0] == [("failed", "None")]
    assert told(of_shop, repositories=("site",))[0] == []
    assert title([Notice("failed", of_shop)], "acme") == "acme/shop has failed"
    assert told(*events, is_whole_host=True, repositories=("site",))[0] == [("waiting", "acme/site/bob")]


def test_who_wants_everything_gets_each_event_as_it_is() -> None:
    """Also those that repeat; nothing is added."""
    everything, end = told(
        event(1, "failed"),
        event(2, "failed"),
        event(3, "pushed"),
        kinds=frozenset({"*"}),
        statuses={ALICE: Status.READY},
    )
    assert [kind for kind, _ in everything] == ["failed", "failed", "pushed"]
    assert not end.bad


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["failed", "applied", "degraded", "waiting", "x"]), st.sampled_from([ALICE, BOB])
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_where_it_is_cut_changes_nothing(actions: list[tuple[str, EnvironmentId]], cut: int) -> None:
    """Events that come in two parts, or after a restart between two messages, tell the same."""
    events = [event(number, action, of) for number, (action, of) in enumerate(actions, 1)]
    whole, end = told(*events)
    first, then = told(*events[:cut])
    second, last = told(*events[cut:], position=then)
    assert (first + second, last) == (whole, end)


def test_many_at_once_go_together() -> None:
    """And few do not."""
    found = [Step(Notice("failed", event(n, "failed")), START) for n in range(3)]
    assert [len(each) for each in together(found, 3)] == [1, 1, 1]
    assert [len(each) for each in together(found, 2)] == [3]
    assert list(together([], 0)) == []


def test_only_what_comes_first_is_too_old() -> None:
    """What is dropped is dropped in order."""
    found = [Step(Notice("failed", event(n, "failed")), START) for n in range(2)]
    assert len(leading_old(found, NOW + MINUTE)) == 2
    assert leading_old(found, NOW) == []


HOSTILE = "@here @channel <!channel> <@U1> <https://evil|click> [x](https://evil) `rm` \u202e\x1b[31m @everyone\r\n<b>&lt;"


def test_what_strangers_type_means_nothing_to_a_chat() -> None:
    """In no place of it."""
    said = [
        title([Notice("failed", event(1, "failed", message=HOSTILE))], "acme"),
        text([Notice("failed", event(1, "failed", message=HOSTILE))], TEMPLATE, lambda _: ""),
        text([Notice("failed", event(1, "failed", message=HOSTILE))] * 3, TEMPLATE, lambda _: ""),
    ]
    for each in said:
        assert not any(
            mark in each for mark in ("@h", "@c", "@e", "<", ">", "](", "`", "\u202e", "\x1b", "://")
        )


@given(st.text())
def test_any_text_is_made_harmless(found: str) -> None:
    """And is short."""
    safe = harmless(f"{found}@here<!channel>", 50)
    assert len(safe) <= 50
    assert "@here" not in safe
    assert "<" not in safe


def test_a_template_is_filled_once() -> None:
    """What a value has in braces stays as it is; the link is ours, and whole."""
    notice = Notice("failed", event(1, "failed", message="{actor} {url}"))
    everything = " ".join(f"{{{place}}}" for place in PLACES)
    assert text([notice], everything, lambda i: f"https://envmgr.example.com/{i.name}") == (
        "acme/shop/alice acme shop alice failed {actor} {url} daemon  https://envmgr.example.com/alice"
    )
    assert unknown_places("{message} {secret} {Message}") == ("secret", "Message")


def test_a_digest_counts_and_shows_the_first() -> None:
    """And says where the rest is."""
    notices = [Notice("failed", event(n, "failed", message=f"No {n}.\nMore.")) for n in range(30)]
    lines = text([*notices, Notice("drift", event(31, "drift"))], TEMPLATE, lambda _: "").splitlines()
    assert lines[:2] == ["1 drift, 30 failed", "• failed: acme/shop/alice: No 0."]
    assert len(lines) == 22
    assert lines[-1] == "… and 11 messages more: `envmgr events` has them all."
    assert title(notices, "acme") == "30 messages of acme"


@pytest.mark.parametrize(
    ("kind", "wanted"), [("failed", "acme/shop/alice has failed"), ("pushed", "acme/shop/alice: pushed")]
)
def test_a_title_says_what_it_is_about(kind: str, wanted: str) -> None:
    """In a few words."""
    assert title([Notice(kind, event(1, kind))], "acme") == wanted
