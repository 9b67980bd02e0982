"""How many environments of an organization may be worked on at once, where some of that work hangs."""

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId


def free(concurrency: int, quiet: Collection[timedelta], patience: timedelta) -> int:
    """How many more may begin; `quiet` says of each that is worked on for how long nothing has moved there.

    Whoever was quiet for as long as `patience` keeps nobody from beginning, and counts again as soon as it moves: it
    goes on all the same, so never is there work on more than twice `concurrency`.
    """
    moving = sum(duration < patience for duration in quiet)
    return max(0, min(concurrency - moving, 2 * concurrency - len(quiet)))


def in_the_way(
    taken: Iterable[Lease], is_dead: Callable[[ProcessId], bool], besides: EnvironmentId | None = None
) -> list[Lease]:
    """Of the places that are taken on all hosts those that count against one more: not its own, nor any whose owner is provably dead."""
    return [each for each in taken if each.environment != besides and not is_dead(each.owner)]
