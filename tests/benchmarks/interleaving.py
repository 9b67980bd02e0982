"""Rounds of two kinds of work in turn, so that what else the machine does slows both alike."""

import time
from collections.abc import Callable

Work = Callable[[int], float]


def interleaved(rounds: int, ours: Work, by_hand: Work) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The figures of both, round by round (A B A B); round 0 of each warms up and is not counted."""
    pairs = [(ours(number), by_hand(number)) for number in range(rounds + 1)]
    return tuple(one for one, _ in pairs[1:]), tuple(other for _, other in pairs[1:])


def seconds(work: Callable[[], object]) -> float:
    """How long something takes, in seconds of wall-clock time."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
