"""What looks at a forge make of a pull request: bounded, and closed only by what the forge says of just that number."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.origins import telling
from envmgr.domain.values.forge import (
    ForgePerson,
    KnownPullRequest,
    Permission,
    PullRequest,
    PullRequestState,
)
from envmgr.domain.values.names import RepositoryId
from tests.support.memory_forge import pull_request

SHOP = RepositoryId("acme", "shop")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CLOSED = replace(pull_request(7), state=PullRequestState.CLOSED)


def known() -> KnownPullRequest:
    """One that was told of a while ago."""
    return telling.seen_open(SHOP, None, pull_request(7), NOW)


@given(
    text=st.text(max_size=3_000),
    labels=st.lists(st.text(max_size=300), max_size=150),
    commit=st.one_of(st.none(), st.text(max_size=70), st.text("0123456789abcdef", min_size=40, max_size=40)),
)
def test_whatever_a_forge_says_is_kept_bounded(text: str, labels: list[str], commit: str | None) -> None:
    """A head is never cut, as that would be another branch; and only a full name is a commit."""
    told = pull_request(7, text, title=text, base=text, url=text, labels=tuple(labels), commit=commit)
    found = telling.bounded(told)
    assert len(found.title) <= 255
    assert max(map(len, found.labels), default=0) <= 255
    assert len(found.labels) <= 100
    assert {found.head, found.base, found.url} <= {text, ""}
    assert found.commit in (commit, None)
    assert found.commit is None or set(found.commit) <= set("0123456789abcdef")


def test_what_is_told_again_is_the_same() -> None:
    """So that nothing is written; another title is news, and no change of what its environment depends on."""
    before = known()
    assert telling.seen_open(SHOP, before, pull_request(7), LATER) is before
    renamed = telling.seen_open(SHOP, before, pull_request(7, title="Another"), LATER)
    assert renamed.told.title == "Another"
    assert renamed.seen_at == LATER
    assert renamed.mark == before.mark
    assert telling.seen_open(SHOP, before, pull_request(7, "other"), LATER).mark != before.mark


def test_closed_is_counted_in_a_row() -> None:
    """From the first time on; seen open again, it starts anew."""
    once = telling.asked_for(SHOP, known(), CLOSED, NOW)
    twice = telling.asked_for(SHOP, once, CLOSED, LATER)
    assert [(e.closed, e.closed_at) for e in (once, twice)] == [(1, NOW), (2, NOW)]
    assert not twice.is_open
    back = telling.seen_open(SHOP, twice, pull_request(7), LATER)
    assert (back.is_open, back.closed, back.closed_at) == (True, 0, None)
    open_after_all = telling.asked_for(SHOP, twice, pull_request(7), LATER)
    assert open_after_all == back


def test_one_that_was_never_told_of_may_be_asked_for() -> None:
    """As after a loss of the records."""
    assert telling.asked_for(SHOP, None, CLOSED, NOW).closed == 1


def test_one_that_is_not_there_proves_nothing() -> None:
    """What was counted is void; told of again it is found again."""
    lost = telling.not_found(telling.asked_for(SHOP, known(), CLOSED, NOW), LATER)
    assert (lost.is_lost, lost.closed) == (True, 0)
    assert telling.not_found(lost, LATER + timedelta(hours=1)) is lost
    assert not telling.seen_open(SHOP, lost, pull_request(7), LATER).is_lost


def test_one_with_another_author_or_at_another_place_is_another() -> None:
    """It is lost, and all that is known of it stays; a new name of the head, of the repository or of nobody is none."""
    before = telling.asked_for(SHOP, known(), CLOSED, NOW)
    elsewhere = "https://forge.example.com/other/7"
    for other in (
        pull_request(7, author=ForgePerson("3", "alice")),
        pull_request(7, head="main", url=elsewhere),
    ):
        for after in (
            telling.asked_for(SHOP, before, replace(other, state=CLOSED.state), LATER),
            telling.seen_open(SHOP, before, other, LATER),
        ):
            assert (after.is_lost, after.closed, after.told) == (True, 0, before.told)
    for same in (
        pull_request(7, author=ForgePerson("", "")),
        pull_request(7, url=elsewhere),
        pull_request(7, head="main"),
        pull_request(7, head="main", url=""),
    ):
        assert not telling.seen_open(SHOP, before, same, LATER).is_lost


@pytest.mark.parametrize(("author", "kept"), [("2", Permission.WRITE), ("", None)])
def test_the_permission_is_of_the_author_who_was_asked_for(author: str, kept: Permission | None) -> None:
    """Another author's is asked for anew."""
    before = telling.with_permission(known(), Permission.WRITE)
    told: PullRequest = pull_request(7, author=ForgePerson(author, "alice"), title="Another")
    assert telling.seen_open(SHOP, before, told, LATER).permission is kept
