"""The lease under which work is done, and its place: several hosts have as many places for an organization together as one would have.

One host alone counts in its own memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from envmgr.domain.errors import NoPlace
from envmgr.domain.rules.places import in_the_way
from envmgr.domain.values.environment import Lease
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.services import Services

from .mode import Mode


@contextmanager
def held(services: Services, identity: EnvironmentId, mode: Mode) -> Iterator[Lease]:
    """Holds an environment for a block, and a place where its mode needs one.

    Raises EnvironmentBusy, naming the holder, where another works on it, and NoPlace where none is free.
    """
    organization, most = identity.organization, mode.takes_place if services.fleet.is_shared else None
    if most is not None:
        # A read first: who has to wait disturbs nobody else who wants the lease.
        others = counted(services, organization, identity)
        if len(others) >= most:
            raise _none_free(organization, others)
    actor, purpose = services.actor, mode.purpose
    with services.leases.hold(identity, purpose if actor == purpose else f"{purpose} by {actor}") as lease:
        if most is not None and not services.store.places.take(
            lease, most, services.clock(), services.processes.is_dead
        ):
            raise _none_free(organization, counted(services, organization, identity))
        yield lease


def counted(services: Services, organization: str, besides: EnvironmentId | None = None) -> Sequence[Lease]:
    """The places of an organization that count against one more, on all hosts."""
    taken = services.store.places.taken(organization, services.clock())
    return in_the_way(taken, services.processes.is_dead, besides)


def moves(services: Services, lease: Lease, mode: Mode, moves: bool) -> None:
    """Gives a place up while nothing moves under its lease: who hangs keeps nobody else from his work."""
    if mode.takes_place is not None and services.fleet.is_shared:
        services.store.places.set(lease, taken=moves)


def _none_free(organization: str, taken: Sequence[Lease]) -> NoPlace:
    at_work = ", ".join(f"{each.environment.short} by {each.owner}" for each in taken)
    return NoPlace(f"As many environments of {organization} as may be are worked on at once: {at_work}.")
