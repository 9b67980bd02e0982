"""An organization is looked after by one set of records: a mark beside its states says by which.

Other records know nothing of what was suspended, held or ended there, so whoever has them does nothing.
"""

from datetime import timedelta

from envmgr.domain.documents.owner import NotOurs, Owner
from envmgr.domain.errors import EnvmgrError, PlaceMissing
from envmgr.ports import StateStore

from .organization import Organization
from .services import Services

# Each poll and each step asks: one read a minute is cheap, and a minute is how long two owners may overlap.
_GOOD_FOR = timedelta(minutes=1)


def require(services: Services, organization: Organization, *, marking: bool = True) -> None:
    """Makes sure that the organization is ours; `marking` says so beside its states where nobody has yet.

    Raises NotOurs where it is another's, and what the store raises where that cannot be known. It counts for a
    minute, so that whoever lost it stops soon.
    """
    checked, now = organization.ownership, services.clock()
    with checked.lock:
        # `at <= now`: a clock that was set back would else keep it fresh for as long.
        fresh = checked.at is not None and checked.at <= now < checked.at + _GOOD_FOR
        if fresh and (checked.is_marked or not marking):
            return
        try:
            checked.is_marked = _check(services, organization, marking=marking)
        except NotOurs:
            checked.is_marked = False
            raise
        except EnvmgrError:
            # What was ours at the last look stays so while the store is away: Terraform needs that very store, and
            # what is to be said of a state that it could not write there is more than this.
            if not checked.is_marked:
                raise
            return
        checked.at = now


def require_at(services: Services, organization: Organization, state: StateStore) -> None:
    """Makes sure that another place of an organization's states is not looked after by somebody else."""
    key = _key(organization)
    content = state.get(key)
    owner = None if content is None else Owner.from_json(content, key)
    if owner is not None and not owner.is_same(services.installation):
        raise NotOurs(owner.refusal(organization.name))


def _key(organization: Organization) -> str:
    return f"{organization.name}/envmgr-owner.json"


def _check(services: Services, organization: Organization, *, marking: bool) -> bool:
    """Whether our mark stands there now."""
    state, key = organization.state(), _key(organization)
    # Taken over once: a mark that somebody sets after ours is heeded.
    takes_over = services.takes_over and not organization.ownership.is_marked
    try:
        content = state.get(key)
    except PlaceMissing:
        return False  # of a new organization the first apply makes it, then it is marked
    owner = None if content is None or takes_over else Owner.from_json(content, key)
    if owner is not None and not owner.is_same(services.installation):
        raise NotOurs(owner.refusal(organization.name))
    is_written = owner is not None and owner.installation.database == services.installation.database
    if is_written or not (marking or takes_over):
        return is_written
    mine = Owner(installation=services.installation, who=services.actor, since=services.clock())
    state.put(key, mine.to_json().encode())
    if content is not None and owner is None:
        services.record(
            None,
            "taken-over",
            f"{organization.name} belongs to the data folder {services.installation.folder} now.",
        )
    return True
