"""Times, commits and texts as people see them."""

from datetime import UTC, datetime, timedelta

import pytest

from envmgr.cli.screen import commits, printable, say, visible
from envmgr.cli.verbs.see.logs import printable_line
from envmgr.config.sections.duration import rounded_duration
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.views import documents
from tests.support.records import altered, recorded

NOW = datetime(2026, 11, 21, 1, 2, 3, 456, tzinfo=UTC)
ALICE = recorded(
    id=EnvironmentId("acme", "shop", "alice"),
    branch="env-alice",
    commit="b" * 40,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (59, "59s"),
        (119, "119s"),
        (120, "2m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (9e5, "10d"),
    ],
)
def test_age(seconds: float, shown: str) -> None:
    """The largest unit that says something."""
    assert rounded_duration(timedelta(seconds=seconds)) == shown


def test_commits() -> None:
    """What is applied, and what waits to be."""
    assert commits(ALICE) == "- → bbbbbbb"
    assert commits(altered(ALICE, applied_commit="a" * 40)) == "aaaaaaa → bbbbbbb"
    assert commits(altered(ALICE, applied_commit="b" * 40)) == "bbbbbbb"


def test_no_control_character_reaches_the_terminal() -> None:
    """They are shown as escapes, on one line."""
    assert printable("a\x1b[31m\nb\tc\u202e") == "a\\x1b[31m b c\\u202e"
    assert printable_line("a\tb\x1b[2J") == "a\tb\\x1b[2J"


def test_times_are_utc_to_the_second() -> None:
    """And null where there is none."""
    assert documents.time(NOW) == "2026-11-21T01:02:03Z"
    assert documents.time(None) is None


def test_counted() -> None:
    """One is not many."""
    assert (counted(1, "environment"), counted(0, "environment")) == ("1 environment", "0 environments")
    assert counted(2, "repository", "repositories") == "2 repositories"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\nlines\tand ümlaut 😀", "plain\nlines\tand ümlaut 😀"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("safe\u202eetis\u2066", "safe\\u202eetis\\u2066"),
        ("a\rb\x9bc\u200bd\u2028e", "a\\rb\\x9bc\\u200bd\\u2028e"),
    ],
)
def test_nothing_reaches_a_terminal_that_it_would_obey(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    """Plans, outputs, lock holders and messages are others' words; errors and questions go the same way."""
    assert visible(text) == shown
    say(text)
    assert capsys.readouterr().err == f"{shown}\n"


def test_colours_of_ours_are_left_on_a_terminal() -> None:
    assert visible("\x1b[32mready\x1b[0m \x1b[1A", paint=True) == "\x1b[32mready\x1b[0m \\x1b[1A"
