"""What bounds a child together with all that it starts, without the kernel's groups."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.values.cage import Cage, CageLimits, Limit, Purpose
from envmgr.host.cage.bounds import CageBounds, Room, bounds, told

LIMITS = CageLimits(memory=64 * 1024**2, cpu_seconds=9, processes=50, disk=1024**2, time=timedelta(hours=2))


def room(folder: Path, limit: int) -> Room:
    """Of one folder; each look counts."""
    made = Room([folder], limit)
    made.pause = 0.0
    return made


def test_what_was_there_before_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x" * 500_000)
    found = room(tmp_path, 100_000)
    assert not found.look()
    (tmp_path / "new").write_bytes(b"x" * 50_000)
    assert not found.look()


def test_many_small_files_together_are_too_much(tmp_path: Path) -> None:
    found = room(tmp_path, 100_000)
    (tmp_path / "deep").mkdir()
    for number in range(40):
        (tmp_path / "deep" / str(number)).write_bytes(b"x" * 4096)
    assert found.look()
    (tmp_path / "deep" / "0").unlink()
    assert found.look(), "it stays so: what is found out once is told at the end"


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("x"), os.mkfifo])
def test_many_with_nothing_in_them_are_too_much(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """Else a run takes all that the disk has of them, for everybody."""
    found = room(tmp_path, 100_000)
    for number in range(20):
        make(tmp_path / str(number))
    assert not found.look()
    for number in range(20, 40):
        make(tmp_path / str(number))
    assert found.look()


@pytest.mark.parametrize("name", ["closed", "deep"])
def test_what_is_hidden_from_who_counts_is_too_much(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed before").mkdir(mode=0o000)
    monkeypatch.setattr(os, "scandir", _as_others(os.scandir))
    found = room(tmp_path, 1024**4)
    assert not found.look()
    if name == "closed":
        (tmp_path / "closed").mkdir(mode=0o000)
    else:
        place = os.open(tmp_path, os.O_PATH)
        for _ in range(20):
            os.mkdir("x" * 250, dir_fd=place)
            inner = os.open("x" * 250, os.O_PATH, dir_fd=place)
            os.close(place)
            place = inner
        os.close(place)
    assert found.look()
    (tmp_path / "closed before").chmod(0o700)


def _as_others(scan: Callable[[str], object]) -> Callable[[str], object]:
    """As for who is not root, to whom no folder is closed."""

    def scandir(path: str) -> object:
        if Path(path).name.startswith("closed"):
            raise PermissionError(path)
        return scan(path)

    return scandir


def test_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    found = room(tmp_path / "in", 100_000)
    (tmp_path / "out" / "large").write_bytes(b"x" * 500_000)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    assert not found.look()


def test_counting_does_not_take_all_the_time(tmp_path: Path) -> None:
    found = Room([tmp_path], 1)
    (tmp_path / "new").write_bytes(b"x" * 50_000)
    assert not found.look(), "it was looked at a moment ago"


def test_a_full_room_is_told(tmp_path: Path) -> None:
    found = room(tmp_path, 1)
    (tmp_path / "new").write_bytes(b"x" * 50_000)
    bound = CageBounds(None, found, enters=True)
    assert bound.reached() == ()
    assert bound.is_over()
    assert bound.reached() == (Limit.DISK,)


def test_a_cage_without_a_limit_has_no_room_to_be_watched(tmp_path: Path) -> None:
    cage = Cage(kind="bwrap", purpose=Purpose.DEPLOY, writes=(str(tmp_path),))
    with bounds(cage, tmp_path / "1.log") as bound:
        assert bound.room is None
        assert not bound.is_over()


def writing(folder: Path, **limits: object) -> Cage:
    together = CageLimits(**limits)  # type: ignore[arg-type]
    return Cage(kind="bwrap", purpose=Purpose.DEPLOY, writes=(str(folder),), together=together)


def test_what_one_command_wrote_is_not_there_for_the_next_of_its_run(tmp_path: Path) -> None:
    cage, log, other = writing(tmp_path / "own", disk=100_000), tmp_path / "1.log", tmp_path / "2.log"
    (tmp_path / "own").mkdir()
    for number, (run, is_full) in enumerate([(log, False), (log, False), (other, False), (log, True)]):
        with bounds(cage, run) as bound:
            assert bound.room is not None
            bound.room.pause = 0.0
            (tmp_path / "own" / str(number)).write_bytes(b"x" * 40_960)
            assert bound.is_over() is is_full
    assert bound.reached() == (Limit.DISK,)


def test_what_is_removed_again_is_there_for_the_next(tmp_path: Path) -> None:
    cage, log = writing(tmp_path / "own", disk=100_000), tmp_path / "1.log"
    (tmp_path / "own").mkdir()
    for _ in range(4):
        with bounds(cage, log):
            (tmp_path / "own/passing").write_bytes(b"x" * 81_920)
        with bounds(cage, log) as bound:
            (tmp_path / "own/passing").unlink()
            assert not bound.is_over()


class Clock:
    """Stands still but for whom it is told to go on by."""

    now = 1000.0

    def monotonic(self) -> float:
        """As of the module `time`."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of all bounds."""
    found = Clock()
    monkeypatch.setattr("envmgr.host.cage.bounds.time", found)
    return found


def test_the_time_of_a_run_is_that_of_all_its_commands(tmp_path: Path, clock: Clock) -> None:
    cage, log = writing(tmp_path, time=timedelta(seconds=0.2)), tmp_path / "1.log"
    with bounds(cage, log) as bound:
        assert not bound.is_over()
        clock.now += 0.15
    with bounds(cage, tmp_path / "2.log") as bound:
        assert not bound.is_over(), "another run's"
    with bounds(cage, log) as bound:
        clock.now += 0.1
        assert bound.is_over()
        assert bound.reached() == (Limit.TIME,)


def test_what_belongs_to_no_run_counts_for_none(tmp_path: Path, clock: Clock) -> None:
    cage = writing(tmp_path, time=timedelta(seconds=0.2))
    for _ in range(3):
        with bounds(cage, Path(os.devnull)) as bound:
            clock.now += 0.1
            assert not bound.is_over()


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Limit.MEMORY, "the 64MiB of memory that cage.memory gives a whole run"),
        (Limit.CPU, "the 9 s of processor time that cage.cpu gives a whole run"),
        (Limit.PROCESSES, "the 50 processes and threads that cage.processes allows"),
        (Limit.DISK, "the 1MiB that cage.disk lets a whole run write"),
        (Limit.TIME, "the 2h that cage.time gives a whole run"),
    ],
)
def test_each_limit_has_its_words(limit: Limit, said: str) -> None:
    assert told([limit], LIMITS) == said


def test_none_reached_is_nothing_said() -> None:
    assert told([], LIMITS) == ""
    assert told([Limit.MEMORY, Limit.DISK], LIMITS).count(" and ") == 1
