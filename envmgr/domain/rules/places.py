"""How many environments of an organization may be worked on at once, where some of that work hangs."""

from collections.abc import Collection
from datetime import timedelta


def free(concurrency: int, quiet: Collection[timedelta], patience: timedelta) -> int:
    """How many more may begin; `quiet` says of each that is worked on for how long nothing has moved there.

    Whoever was quiet for as long as `patience` keeps nobody from beginning, and counts again as soon as it moves: it
    goes on all the same, so never is there work on more than twice `concurrency`.
    """
    moving = sum(duration < patience for duration in quiet)
    return max(0, min(concurrency - moving, 2 * concurrency - len(quiet)))
