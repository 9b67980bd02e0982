"""What people froze, kept beside the states: a lost data folder thaws nothing.

Whoever can write there could freeze by it, which does no harm; so no seal has to prove it.
"""

from collections.abc import Sequence

from envmgr.domain.documents import freezes as document
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.freeze import Freeze

from . import ownership
from .organization import Organization
from .services import Services


def key_of(organization: str) -> str:
    """Where an organization's freezes are kept."""
    return f"{organization}/envmgr-freezes.json"


def keep(services: Services, name: str) -> None:
    """Brings what is beside the states to what the records say; what keeps it from that is told, and not raised."""
    organization = services.organizations.get(name)
    if organization is None:
        return
    found = _by_people(services, name)
    try:
        if organization.is_new():
            organization.prepare_state()
        ownership.require(services, organization)
        if found:
            organization.state().put(key_of(name), document.to_json(found).encode())
        else:
            organization.state().delete(key_of(name))
    except EnvmgrError as error:
        said = f"What is frozen of {name} is not kept beside its states, so a lost data folder would thaw it: {error}"
        services.record(None, "freeze-not-kept", said)


def restore(services: Services, organization: Organization) -> None:
    """Takes up what is kept beside the states, where the records know of no freeze that people made there."""
    content = organization.state().get(key_of(organization.name))
    if content is None or _by_people(services, organization.name):
        return
    for freeze in document.from_json(organization.name, content, services.clock()):
        services.store.freezes.put(freeze)
        services.record(None, "frozen", f"{freeze}, as it was before envmgr's own records were lost.")


def _by_people(services: Services, organization: str) -> Sequence[Freeze]:
    """Those of an organization that people made; what its file says stands there."""
    return [f for f in services.store.freezes.all() if f.organization == organization and not f.in_file]
