"""Rounds of two kinds of work in turn, so that what else the machine does slows both alike."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from tests.benchmarks.comparison import Comparison

Work = Callable[[int], float]
Figures = Callable[[int], Mapping[str, float]]
"""One round's figures by their names."""
Compare = Callable[[str, tuple[float, ...], tuple[float, ...]], Comparison]
Made = TypeVar("Made")


def interleaved(rounds: int, ours: Work, by_hand: Work) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The figures of both, round by round (A B A B); round 0 of each warms up and is not counted."""
    pairs = [(ours(number), by_hand(number)) for number in range(rounds + 1)]
    return tuple(one for one, _ in pairs[1:]), tuple(other for _, other in pairs[1:])


def seconds(work: Callable[[], object]) -> float:
    """How long something takes, in seconds of wall-clock time."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What something gives, and how long it takes, in seconds of wall-clock time."""
    begin = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begin


def settled(compare: Compare, both: tuple[Figures, Figures], pairs: tuple[int, int]) -> list[Comparison]:
    """The figures of two kinds of work, in as many pairs (at least, at most) as it takes until each comparison is settled.

    Who goes first changes from pair to pair (A B B A), so that what the one leaves behind, or a machine that grows
    slower, is no advantage of either. Each warms up once.
    """
    (least, most), (ours, by_hand) = pairs, both
    for warms_up in both:
        warms_up(0)
    found: list[tuple[Mapping[str, float], Mapping[str, float]]] = []
    while True:
        number = len(found) + 1
        if number % 2:
            first = ours(number)
            found.append((first, by_hand(number)))
        else:
            second = by_hand(number)
            found.append((ours(number), second))
        compared = [
            compare(name, tuple(one[name] for one, _ in found), tuple(other[name] for _, other in found))
            for name in found[0][0]
        ]
        if number >= most or (number >= least and all(each.is_settled for each in compared)):
            return compared
