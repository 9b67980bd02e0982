"""What is done to a host, drawn from a campaign's seed: what, and for how long."""

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.hosts.network import Service


class Lane(StrEnum):
    """What may strike a host at the same time, each by itself: something stops there, or its cable is cut."""

    HOST = "host"
    CABLE = "cable"


class Fault(StrEnum):
    """The lines of the closing table."""

    DAEMON = "daemon killed, its Terraform lives on"
    HOST = "everything on a host killed"
    FROZEN = "host stopped (SIGSTOP)"
    NO_DATABASE = "cut off from PostgreSQL"
    NO_STATE = "cut off from the state store"
    NO_GIT = "cut off from git"
    WIPED = "disk wiped: killed, data folder gone, a new host"
    DRAINED = "drained, and given work again"

    @property
    def service(self) -> Service | None:
        """What it cuts off."""
        return _CUTS.get(self)

    @property
    def lane(self) -> Lane:
        """Beside what it may happen."""
        return Lane.HOST if self.service is None else Lane.CABLE


_CUTS = {
    Fault.NO_DATABASE: Service.DATABASE,
    Fault.NO_STATE: Service.STATE,
    Fault.NO_GIT: Service.GIT,
}
_WEIGHTS = {
    Fault.DAEMON: 6,
    Fault.HOST: 5,
    Fault.FROZEN: 3,
    Fault.NO_DATABASE: 3,
    Fault.NO_STATE: 3,
    Fault.NO_GIT: 2,
    Fault.WIPED: 3,
    Fault.DRAINED: 1,
}
LONG = 75.0
"""Seconds: longer than a lease, and than others have for a take-over."""
_LONG = 0.05  # how often a fault lasts so long
_LASTING = (Fault.HOST, Fault.FROZEN, Fault.NO_DATABASE, Fault.NO_STATE, Fault.WIPED)


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault, the seconds that it lasts, and those that the host has in peace before."""

    fault: Fault
    seconds: float
    before: float

    @property
    def is_long(self) -> bool:
        """Whether others have to take over meanwhile."""
        return self.seconds >= LONG


def drawn(draw: random.Random, lane: Lane, peace: tuple[float, float], *, lasting: bool) -> Blow:
    """The next blow for a host, after so many seconds in peace; some are longer than a lease, if they are `lasting`."""
    weights = {fault: weight for fault, weight in _WEIGHTS.items() if fault.lane is lane}
    fault = draw.choices(list(weights), list(weights.values()))[0]
    is_long = lasting and fault in _LASTING and draw.random() < _LONG
    return Blow(fault, LONG if is_long else draw.uniform(0.2, 4), draw.uniform(*peace))
