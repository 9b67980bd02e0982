"""What people froze, kept beside the states: a lost data folder thaws nothing.

Whoever can write there could freeze by it, which does no harm; so no seal has to prove it.
"""

from collections.abc import Sequence

import structlog

from envmgr.domain.documents import freezes as document
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.digest import digest
from envmgr.host.system import sentences, write_private

from . import by_hand, ownership
from .organization import Organization
from .services import Services

log = structlog.get_logger()

_MARK = ".freezes"
"""What says, in the data folder, what stands beside the states; no repository is called so."""
_ROUNDS = 5


def key_of(organization: str) -> str:
    """Where an organization's freezes are kept."""
    return f"{organization}/envmgr-freezes.json"


def keep(services: Services, name: str) -> None:
    """Brings what is beside the states to what the records say; what keeps it from that is told, and tried again by polls."""
    organization = services.organizations.get(name)
    if organization is None:
        return
    try:
        if services.fleet.is_shared:  # another host may have changed what this one has a mark of
            mark = services.layout.by_hand / name / _MARK
            services.layout.private(mark.parent)
            write_private(mark, "")
        _keep(services, organization)
    except EnvmgrError as error:
        organization.unkept_until = services.clock() + by_hand.PAUSE
        said = f"What is frozen of {name} is not kept beside its states yet, so a lost data folder would thaw it; that is tried again: {error}"
        services.record((name, None), "freeze-not-kept", said)


def catch_up(services: Services, organization: Organization) -> None:
    """Makes up for what could not be kept of what people froze, whoever did."""
    # Before lost records are back, what is beside the states says more than these.
    if not organization.rebuilding.is_done or not by_hand.is_time(services, organization):
        return
    try:
        _keep(services, organization)
    except EnvmgrError as error:
        organization.unkept_until = services.clock() + by_hand.PAUSE
        log.warning(str(error), action="freeze-not-kept", organization=organization.name)


def _keep(services: Services, organization: Organization) -> None:
    """Until what is kept is what the records say: somebody may freeze or thaw at the same time."""
    for _ in range(_ROUNDS):
        if not _bring(services, organization):
            return


def _bring(services: Services, organization: Organization) -> bool:
    """Writes, or deletes, what is beside the states where the mark does not say that it is so; whether it did."""
    name, mark = organization.name, services.layout.by_hand / organization.name / _MARK
    found = _by_people(services, name)
    content = document.to_json(found).encode() if found else b""
    line, before = digest([organization.backend, content.decode()]) if found else None, by_hand.text_of(mark)
    if before == line:
        return False
    services.layout.private(mark.parent)
    write_private(mark, "")  # from here on nobody knows what is there
    if organization.is_new():
        organization.prepare_state()
    ownership.require(services, organization)
    if line is None:
        organization.state().delete(key_of(name))
        with sentences("A mark cannot be taken away", mark):
            mark.unlink(missing_ok=True)
    else:
        organization.state().put(key_of(name), content)
        write_private(mark, line)
    return True


def restore(services: Services, organization: Organization) -> None:
    """Takes up what is kept beside the states, where the records know of no freeze that people made there."""
    content = organization.state().get(key_of(organization.name))
    if content is None or _by_people(services, organization.name):
        return
    for freeze in document.from_json(organization.name, content, services.clock()):
        services.store.freezes.put(freeze)
        services.record(
            (freeze.organization, freeze.repository),
            "frozen",
            f"{freeze}, as it was before envmgr's own records were lost.",
        )


def _by_people(services: Services, organization: str) -> Sequence[Freeze]:
    """Those of an organization that people made; what its file says stands there."""
    return [f for f in services.store.freezes.all() if f.organization == organization and not f.in_file]
