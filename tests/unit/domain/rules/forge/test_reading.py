"""When comments are read again: never too late for one that a list tells of, and seldom where nothing happened."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.forge.reading import IN_FULL, Reading, is_due, read
from envmgr.domain.values.forge import CommentSign, KnownPullRequest
from envmgr.domain.values.names import RepositoryId
from tests.support.memory_forge import START, pull_request

MINUTE = timedelta(minutes=1)
APART = timedelta(seconds=90)
KNOWN = KnownPullRequest(
    repository=RepositoryId("acme", "shop"),
    told=pull_request(7, updated_at=START, comments=1),
    first_seen_at=START,
    seen_at=START,
    read_until=START,
)


def with_count(count: int | None) -> KnownPullRequest:
    """With so many comments, and a time that no comment changes."""
    return replace(KNOWN, told=replace(KNOWN.told, comments=count))


@given(
    st.lists(st.sampled_from(["said", "told before it is there", "deleted", "one for another", "nothing"]))
)
def test_by_count_each_comment_is_read_soon(happens: list[str]) -> None:
    """By the look at which it shows, or the next one; where another went as it came, within half an hour."""
    count, now, last = 0, START, None
    unread: dict[
        int, tuple[bool, int]
    ] = {}  # whether it changed the count, and from which look on it is there
    for look, what in enumerate([*happens, *["nothing"] * 32]):
        now += MINUTE
        if what in ("said", "told before it is there"):
            count, unread[look] = count + 1, (True, look + (what != "said"))
        elif what == "one for another" and count:
            unread[look] = (False, look)
        elif what == "deleted" and count:
            count -= 1
        pull = with_count(count)
        if is_due(pull, CommentSign.COUNT, last, now, APART):
            last = read(pull, last, now)
            unread = {at: (told, there) for at, (told, there) in unread.items() if there > look}
        assert all(not told or look < at + 1 + (there > at) for at, (told, there) in unread.items())
        assert all(look - at < IN_FULL / MINUTE for at in unread)


def test_where_nothing_happens_a_count_saves_all_but_one_in_half_an_hour() -> None:
    """After the two looks that it takes to believe it."""
    last: Reading | None = None
    readings = 0
    for number in range(120):
        now = START + number * MINUTE
        if is_due(KNOWN, CommentSign.COUNT, last, now, APART):
            last, readings = read(KNOWN, last, now), readings + 1
    assert readings == 2 + 3


def test_what_is_not_told_is_read() -> None:
    """Without a count, without a time, and whenever the time says so."""
    settled = Reading(START, 1, is_settled=True)
    now = START + MINUTE
    assert not is_due(KNOWN, CommentSign.COUNT, settled, now, APART)
    assert is_due(with_count(None), CommentSign.COUNT, replace(settled, count=None), now, APART)
    newer = replace(KNOWN, told=replace(KNOWN.told, updated_at=now))
    assert is_due(newer, CommentSign.COUNT, settled, now, APART)
    assert is_due(newer, CommentSign.TIME, settled, now, APART)
    assert not is_due(KNOWN, CommentSign.TIME, None, now, APART)
    untimed = replace(KNOWN, told=replace(KNOWN.told, updated_at=None))
    assert is_due(untimed, CommentSign.TIME, settled, now, APART)


def test_where_nothing_tells_of_comments_each_second_look_reads_them() -> None:
    """Also where the clock was set back since."""
    last = Reading(START, None, is_settled=True)
    due = [is_due(KNOWN, CommentSign.NOWHERE, last, START + n * MINUTE, APART) for n in range(4)]
    assert due == [False, False, True, True]
    assert is_due(KNOWN, CommentSign.NOWHERE, last, START - MINUTE, APART)
    assert is_due(KNOWN, CommentSign.NOWHERE, None, START, APART)
