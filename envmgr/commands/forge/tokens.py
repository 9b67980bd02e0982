"""Tokens near their end: each forge is asked once a day when its token ends, and each end is an event once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Place
from envmgr.domain.values.digest import digest
from envmgr.domain.values.notices import Position
from envmgr.engine.context.services import Services
from envmgr.ports.forge import Forge, ForgeIdentity
from envmgr.views.visible import escaped

from .checks import SOON

log = structlog.get_logger()

_EACH = timedelta(days=1)
_HELD = timedelta(minutes=10)
"""How long one process asks a forge: longer than a call takes."""


def warn_of_ends(services: Services) -> None:
    """Records that a token ends soon, at the place of those who use it, where a forge says so.

    One that does not answer is asked again the next time, and says nothing of its token. Raises what the store raises.
    """
    for (organization, account), (place, forge) in _accounts(services).items():
        _look(services, f"token-end {digest([organization, account])}", place, forge)


def _accounts(services: Services) -> Mapping[tuple[str, str], tuple[Place, Forge]]:
    """As whom each organization asks which forge, and where: at a repository where no other one of it does so, too."""
    found: dict[tuple[str, str], tuple[Place, Forge]] = {}
    for identity, repository in services.repositories.items():
        if repository.forge is not None:
            key = identity.organization, repository.forge.account
            place = (identity.organization, None) if key in found else identity.place
            found[key] = place, repository.forge
    return found


def _look(services: Services, target: str, place: Place, forge: Forge) -> None:
    """What is kept: when it is asked next (`retry_at`), and the end that was told of (`after`, in seconds)."""
    positions, now, owner = services.store.hooks.positions, services.clock(), uuid4().hex
    positions.begin(Position(target=target, organization=place[0], after=0))
    known = positions.claim(target, owner, now, now + _HELD)
    if known is None:
        return
    then = known
    try:
        if _is_due(known, now):
            then = _told(services, place, forge, forge.identity(), replace(known, retry_at=now + _EACH))
    except EnvmgrError as error:
        log.info(str(error), action="not-asked", account=forge.account)
    finally:
        positions.save(then, owner)


def _is_due(known: Position, now: datetime) -> bool:
    """Also where the clock was set back."""
    return known.retry_at is None or not now < known.retry_at <= now + _EACH


def _told(services: Services, place: Place, forge: Forge, found: ForgeIdentity, known: Position) -> Position:
    end = found.expires_at
    if end is None or end > services.clock() + SOON or int(end.timestamp()) == known.after:
        return known
    who = f"{escaped(found.person.login)} on {forge.traits.kind}"
    said = f"The token of {who} ends {end:%Y-%m-%d}: make another one, and put it in its place."
    services.record(place, "token-ends-soon", said)
    return replace(known, after=int(end.timestamp()))
