"""Limits of all that a child starts: what the kernel is told, and what its counts mean."""

import json

import pytest

from envmgr.domain.rules.together import CONTROLLERS, noted, of_each, of_note, reached, settings
from envmgr.domain.values.cage import CageLimits, Limit

LIMITS = CageLimits(memory=1024, cpu_seconds=2, cores=1.5, processes=50)
QUIET = {
    "memory.events": "low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\n",
    "pids.events": "max 0\n",
    "cpu.stat": "usage_usec 1999999\nuser_usec 1\n",
}


def test_the_kernel_is_told_each_limit() -> None:
    assert settings(LIMITS, CONTROLLERS) == {
        "memory.max": "1024",
        "memory.swap.max": "0",
        "pids.max": "50",
        "cpu.max": "150000 100000",
    }


@pytest.mark.parametrize(
    ("given", "missing"), [("memory", "memory.max"), ("pids", "pids.max"), ("cpu", "cpu.max")]
)
def test_only_what_a_controller_is_there_for(given: str, missing: str) -> None:
    assert missing in settings(LIMITS, [given])
    assert missing not in settings(LIMITS, [c for c in CONTROLLERS if c != given])


def test_no_limit_is_no_setting() -> None:
    assert settings(CageLimits(), CONTROLLERS) == {}


def test_processes_are_counted_by_user_only_where_nothing_else_counts_them() -> None:
    assert of_each(LIMITS, ["memory"]).processes == 50
    assert of_each(LIMITS, ["pids"]).processes is None
    assert of_each(LIMITS, ["pids"]).memory == 1024


def test_what_was_not_reached_is_not_told() -> None:
    assert reached(LIMITS, QUIET) == ()
    assert reached(LIMITS, {}) == ()


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.events", "max 7\noom 1\noom_kill 1\n", Limit.MEMORY),
        ("pids.events", "max 3\n", Limit.PROCESSES),
        ("cpu.stat", "usage_usec 2000000\n", Limit.CPU),
    ],
)
def test_what_was_reached(file: str, text: str, limit: Limit) -> None:
    assert reached(LIMITS, {**QUIET, file: text}) == (limit,)
    assert reached(CageLimits(), {**QUIET, file: text}) == ()


@pytest.mark.parametrize(("file", "text"), [("memory.events", "oom_kill 2\n"), ("pids.events", "max 5\n")])
def test_what_was_reached_before_a_child_began_is_not_its_own(file: str, text: str) -> None:
    counts = {**QUIET, file: text}
    assert reached(LIMITS, counts, counts) == ()
    assert len(reached(LIMITS, counts, QUIET)) == 1


def test_processor_time_is_that_of_all_commands_of_a_run() -> None:
    half = {**QUIET, "cpu.stat": "usage_usec 1000000\n"}
    assert reached(LIMITS, half, half, spent=999_999) == ()
    assert reached(LIMITS, half, half, spent=1_000_000) == (Limit.CPU,)


def test_limits_are_known_again() -> None:
    assert of_note(json.loads(json.dumps(noted(LIMITS)))) == LIMITS
    assert noted(CageLimits()) == {}


@pytest.mark.parametrize("note", [None, [], "x", {"memory": "much"}, {"other": 1}])
def test_a_note_that_says_nothing_gives_no_limits(note: object) -> None:
    assert of_note(note) == CageLimits()
