"""The judge of `make upgrade` finds what must not be."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envmgr import __version__
from envmgr.adapters.store.names import REVISIONS
from tests.chaos.hosts.releases import next_one
from tests.chaos.hosts.scene import Move
from tests.chaos.hosts.upgraded import Case, Recorded, Seen, judge, waits

START = datetime(2026, 11, 27, tzinfo=UTC)
ALL = [(START, "all")]


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def run(commit: str, seconds: float, status: str = "succeeded", actor: str = "daemon") -> Recorded:
    """An apply of e1 that began so late."""
    return Recorded(1, "e1", "apply", commit, status, "", actor, at(seconds))


def test_a_push_waits_for_its_run_or_for_a_later_ones() -> None:
    """What is pushed meanwhile makes the wait of who pushed before no shorter."""
    moves = [Move("e1", "a", at(0)), Move("e1", "b", at(4)), Move("e2", "c", at(5))]
    found = waits(moves, [run("b", 10), Recorded(2, "e2", "apply", "c", "succeeded", "", "daemon", at(6))])
    assert [wait for _, wait in found] == [10, 6, 1]


def test_what_was_deleted_waits_for_nothing() -> None:
    """Neither for what was pushed after the branch was made again."""
    moves = [Move("e1", "a", at(0)), Move("e1", "", at(1)), Move("e1", "b", at(50))]
    assert [(move.commit, wait) for move, wait in waits(moves, [run("b", 52)])] == [("b", 2)]


@pytest.mark.parametrize(
    ("runs", "case", "said"),
    [
        ([run("a", 1)], Case.ENDS, ""),
        ([run("a", 1), run("a", 9, actor="token team")], Case.ENDS, ""),
        ([run("a", 1), run("a", 9)], Case.ENDS, "e1 was applied 2 times at a."),
        ([run("a", 1, "interrupted"), run("a", 9)], Case.ENDS, "Run 1 (apply of e1) is interrupted: "),
        ([run("a", 1, "interrupted"), run("a", 9)], Case.HOST_KILLED, ""),
        ([run("a", 1, "failed"), run("a", 9)], Case.HOST_KILLED, "Run 1 (apply of e1) is failed: "),
        ([run("a", 51)], Case.ENDS, "A push waited 51 s (all)."),
        ([run("a", 51)], Case.DAEMON_KILLED, ""),
        ([], Case.DAEMON_KILLED, "A push waited inf s (all)."),
    ],
)
def test_what_must_not_be_is_said(runs: list[Recorded], case: Case, said: str) -> None:
    """Applied twice, ended otherwise than it should, or waited longer than a take-over takes."""
    seen = Seen()
    judge(seen, case, ALL, [Move("e1", "a", at(0))], runs)
    assert seen.wrong == [said] * bool(said)


def test_there_is_a_stand_in_for_the_next_release(tmp_path: Path) -> None:
    """With one more migration, which it knows, and a version by which the older one is told from it."""
    release = next_one(tmp_path)
    names = (release.package / "adapters/store/names.py").read_text()
    assert f'"{REVISIONS[-1]}",\n    "{release.revision}",\n)' in names
    assert f'"{__version__}.1"' in (release.package / "__init__.py").read_text()
    [script] = (release.package / "adapters/store/migrations/versions").glob(f"r{release.revision}_*.py")
    assert f'"{REVISIONS[-1]}"' in script.read_text()
