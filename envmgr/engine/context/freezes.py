"""What people froze, kept beside the states: a lost data folder thaws nothing.

Whoever can write there could freeze by it, which does no harm; so no seal has to prove it.
"""

from envmgr.domain.documents import freezes as document
from envmgr.domain.errors import EnvmgrError

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
    found = [f for f in services.store.freezes.all() if f.organization == name and not f.in_file]
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
    known = [f for f in services.store.freezes.all() if f.organization == organization.name and not f.in_file]
    content = organization.state().get(key_of(organization.name))
    if known or content is None:
        return
    for freeze in document.from_json(organization.name, content, services.clock()):
        services.store.freezes.put(freeze)
        services.record(None, "frozen", f"{freeze}, as it was before envmgr's own records were lost.")
