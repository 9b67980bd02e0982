"""Sealing anew what is kept beside the states, where that was sealed by another key, by none, or not seen from this host yet."""

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

import structlog

from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.errors import EnvironmentBusy, NeedsPerson, Transient
from envmgr.domain.values.environment import Claim, Environment
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.engine.context.services import Services
from envmgr.ports import StateStore

from .kept import keep_claim, note_sealed, read

log = structlog.get_logger()

LONGEST = timedelta(minutes=10)
"""How long one round may take: each bundle is read or written as a whole, and a new host has seen none of thousands."""


def seal_anew(
    services: Services, environments: Iterable[Environment], is_ending: Callable[[], bool] = lambda: False
) -> int:
    """Keeps anew, from our own records, what this host does not know to be sealed by our key; gives how many are left.

    What fails, or is left when the time is over or `is_ending` says so, is a later round's. They come in no order, so
    that those which fail keep no other from its turn in every round.
    """
    left = [e for e in environments if _is_due(services, e)]
    random.shuffle(left)
    began = time.monotonic()
    while left and not is_ending() and time.monotonic() - began < LONGEST.total_seconds():
        _try_to_seal(services, left.pop().id)
    if left and not is_ending():
        what = counted(len(left), "environment")
        log.info(f"What is kept of {what} is looked at by the next round.", action="sealing")
    return len(left)


def _is_due(services: Services, environment: Environment) -> bool:
    is_ours = environment.claim is not None and environment.id.organization in services.organizations
    return is_ours and not _is_sealed(services, environment.id)


def _is_sealed(services: Services, identity: EnvironmentId) -> bool:
    path = services.layout.sealed(identity)
    return path.is_file() and path.read_text(errors="replace") == services.seal.mark


def _try_to_seal(services: Services, identity: EnvironmentId) -> None:
    organization = services.organizations[identity.organization]
    with suppress(EnvironmentBusy):  # its own apply will seal it, or the next round
        try:
            with services.leases.hold(identity, "housekeeping"):
                now = services.store.environment(identity)
                if now is not None and now.claim is not None:
                    _seal(services, organization.state(now.claim.backend), now, now.claim)
        except (Transient, NeedsPerson) as error:
            log.warning(str(error), action="not-sealed", environment=str(identity))


def _seal(services: Services, state: StateStore, environment: Environment, claim: Claim) -> None:
    """Keeps a claim anew, unless it is kept just so: another host may have done that, and have all that it takes."""
    # What is there and cannot be believed, as by another key, is replaced.
    with suppress(NeedsPerson), read(services, state, environment.id) as found:
        wanted = Manifest.of(environment, claim).claim
        if found is not None and found.manifest.claim == wanted and not services.accepts_unsealed:
            note_sealed(services, environment.id)
            return
    keep_claim(services, state, environment, claim)
