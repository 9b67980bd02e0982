"""Whether a repository is frozen, and what a freeze holds back."""

from collections.abc import Iterable
from datetime import datetime

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.decision import Apply, Decision, Destroy, GoBack, Stop, Wait
from envmgr.domain.values.environment import Waits, WaitsFor
from envmgr.domain.values.names import RepositoryId


def in_force(freezes: Iterable[Freeze], repository: RepositoryId, now: datetime) -> Freeze | None:
    """The freeze that holds a repository now, of several the one that ends last; None where none does."""
    return _last([each for each in freezes if each.covers(repository) and not each.is_over(now)], now)


def all_over(freezes: Iterable[Freeze], organization: str, now: datetime) -> Freeze | None:
    """The same of all that an organization has."""
    of_all = (f for f in freezes if f.organization == organization and f.repository is None)
    return _last([each for each in of_all if not each.is_over(now)], now)


def _last(freezes: Iterable[Freeze], now: datetime) -> Freeze | None:
    return max(freezes, key=lambda each: (each.until is None, each.until or now, each.place), default=None)


def unless_frozen(decision: Decision, frozen: Freeze | None) -> Decision:
    """The decision, or a wait for the thaw where it would change a cloud or what runs there."""
    if frozen is None or not isinstance(decision, Apply | Destroy | Stop | GoBack):
        return decision
    until = f"{frozen.until:%Y-%m-%d %H:%M}" if frozen.until else ""
    return Wait(
        f"{decision.reason} It waits, since {frozen}; {frozen.ends_by} ends that.",
        Waits(WaitsFor.FREEZE, (type(decision).__name__.lower(), frozen.place, until)),
        until=frozen.until,
    )
