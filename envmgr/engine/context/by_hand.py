"""What people set of an environment, kept beside its state: a lost data folder neither revives nor moves it.

The record comes first, and is what counts; right after it is written the same is put beside the state. What could not
be put there is noted in the data folder and made up for later. A mark for each environment says what stands there, as
far as one host knows: where several share the records, what stands there is looked at.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from envmgr.domain.audit.lost import not_configured, other_branch
from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.documents.seal import Proof
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing
from envmgr.domain.rules.transitions.observed import as_set, as_unknown
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Absence, Environment, Life
from envmgr.domain.values.names import EnvironmentId, RepositoryId, ref_component
from envmgr.host.system import sentences, write_private

from . import ownership
from .organization import Organization
from .seals import opened
from .services import Services

log = structlog.get_logger()

# Others write at the same time only now and then; whoever writes last sees to the rest.
_ROUNDS = 5
PAUSE = timedelta(minutes=1)
"""After how long it is tried again to keep what could not be kept."""
_REBUILT = (
    "Rebuilt from what people had set for it, kept beside its state, since envmgr's own record was lost."
)


def keep(services: Services, identity: EnvironmentId, *, looks: bool = True) -> None:
    """Brings what is beside the state to what the record says; what keeps it from that is told, and not raised.

    Where nobody set anything, another host may have kept something all the same: whoever comes here often, and has set
    nothing itself, need not have that looked for (`looks`), as the next housekeeping does. Read again after each write: who writes to the record meanwhile does the same, and the last one sees both.
    """
    organization = services.organizations.get(identity.organization)
    if organization is None:
        return
    is_news = not _is_pending(services, identity)
    try:
        for _ in range(_ROUNDS):
            if not _bring(services, organization, identity, looks=looks):
                break
    except EnvmgrError as error:
        said = f"What people set for {identity} is not kept beside its state yet, so a lost data folder would lose it: {error}"
        organization.unkept[identity] = said
        if is_news:
            _record(services, identity, said)
    else:
        organization.unkept.pop(identity, None)


def unkept(services: Services) -> list[str]:
    """What could not be kept by this process so far, as sentences."""
    return [said for organization in services.organizations.values() for said in organization.unkept.values()]


def catch_up(services: Services, repository: RepositoryId, *, all_of_them: bool = False) -> None:
    """Makes up for what could not be kept, or deleted, of a repository's environments; `all_of_them` looks at each."""
    organization = services.organizations.get(repository.organization)
    # Before lost records are back, a record that is missing here proves nothing, and what is beside the state
    # must not be deleted for that.
    if organization is None or not organization.rebuilding.is_done or not is_time(services, organization):
        return
    folder = services.layout.by_hand / repository.organization / repository.name
    found = [path for path in folder.glob("[!.]*") if all_of_them or not text_of(path)]
    identities = {EnvironmentId.of_component(repository, path.name) for path in found}
    if all_of_them:
        identities |= _with_something(services, organization, repository)
    for identity in sorted(identities):
        keep(services, identity)
        if (
            identity in organization.unkept
        ):  # the next one would fail, too, and may wait for long until it does
            organization.unkept_until = services.clock() + PAUSE
            return


def is_time(services: Services, organization: Organization) -> bool:
    """Whether the pause is over after something could not be kept beside an organization's states."""
    return organization.unkept_until is None or services.clock() >= organization.unkept_until


def _with_something(
    services: Services, organization: Organization, repository: RepositoryId
) -> set[EnvironmentId]:
    """The environments of a repository of which something is to be kept, or is kept beside the state though it is not."""
    records = services.store.environments(repository=repository)
    if not services.fleet.is_shared:
        return {e.id for e in records}
    try:
        kept = frozenset(organization.state().objects(f"{repository.organization}/{repository.name}/"))
    except EnvmgrError:  # the first that is to be kept says so
        kept = frozenset()
    return {e.id for e in records if SetByHand.of(e) is not None or e.id.by_hand_key in kept}


def _bring(services: Services, organization: Organization, identity: EnvironmentId, *, looks: bool) -> bool:
    """Writes, or deletes, what is beside the state where it is not so; whether it did."""
    record, mark = services.store.environment(identity), _mark(services, identity)
    wanted = SetByHand.of(record) if record is not None else None
    line, before = _line(services, organization, wanted), text_of(mark)
    sealed = (
        services.seal.close(identity.by_hand_key, wanted.to_json().encode()) if wanted is not None else None
    )
    is_known = not services.fleet.is_shared or (wanted is None and before is None and not looks)
    if before == line and (is_known or _is_there(services, organization, identity, sealed)):
        return False
    services.layout.private(mark.parent)
    write_private(mark, "")  # from here on nobody knows what is there
    # A wish may come before the first apply, which else makes the place.
    if organization.is_new():
        organization.prepare_state()
    ownership.require(services, organization)
    key, state = identity.by_hand_key, organization.state()
    if sealed is None:
        state.delete(key)
        # The mark goes last: until then it says that nobody knows what is there.
        with sentences("A mark cannot be taken away", mark):
            mark.unlink(missing_ok=True)
    else:
        state.put(key, sealed)
        write_private(mark, line or "")
    return True


def _is_there(
    services: Services, organization: Organization, identity: EnvironmentId, sealed: bytes | None
) -> bool:
    """Whether just this is beside the state; what is not surely ours stays there, for whoever finds the key to it."""
    try:
        found = organization.state().get(identity.by_hand_key)
    except PlaceMissing:
        return sealed is None
    if found is None or found == sealed:
        return found == sealed
    return services.seal.open(identity.by_hand_key, found)[1] is not Proof.OURS


def _line(services: Services, organization: Organization, wanted: SetByHand | None) -> str | None:
    """What a mark says where just this is kept: of what, by which key, and where. None for nothing."""
    return None if wanted is None else digest([services.seal.mark, organization.backend, wanted.to_json()])


def _mark(services: Services, identity: EnvironmentId) -> Path:
    repository = identity.repository_id
    return services.layout.by_hand / repository.organization / repository.name / identity.component


def text_of(mark: Path) -> str | None:
    """What a mark says; empty where a write began and did not end, None where there is none."""
    with sentences("A mark cannot be read", mark):
        try:
            return mark.read_text(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None


def _is_pending(services: Services, identity: EnvironmentId) -> bool:
    with suppress(EnvmgrError):
        return text_of(_mark(services, identity)) == ""
    return False


def _record(services: Services, identity: EnvironmentId, said: str) -> None:
    try:
        services.record(identity, "by-hand-not-kept", said)
    except EnvmgrError as error:
        log.warning(str(error), action="not-recorded", environment=str(identity))


# --- after a loss ------------------------------------------------------------------------------------


def completed(services: Services, organization: Organization, lost: Environment) -> Environment:
    """A lost record with what people had set of it; left alone where that is kept, but not surely by us."""
    key, content = lost.id.by_hand_key, organization.state().get(lost.id.by_hand_key)
    if content is None:
        return lost
    try:
        said = SetByHand.from_json(opened(services, key, content), lost.id)
    except NeedsPerson as error:
        with suppress(NeedsPerson):  # what is not even readable may have held it back
            if not _unproven(services, key, content, lost.id).holds:
                return lost
        return _left_alone(services, organization, lost, error)
    is_its_own = said.branch == lost.branch  # else of one that had its name before
    return as_set(lost, said, services.clock()) if is_its_own else lost


def alone(services: Services, organization: Organization, identity: EnvironmentId) -> Environment | None:
    """The lost record of an environment of which nothing else is kept, or nothing sound; None where nothing is lost.

    Raises NeedsPerson where what is kept cannot be its own.
    """
    key, content = identity.by_hand_key, organization.state().get(identity.by_hand_key)
    known = services.store.environment(identity)
    if content is None:
        return None
    try:
        said = SetByHand.from_json(opened(services, key, content), identity)
    except NeedsPerson as error:
        said = _unproven(services, key, content, identity)
        if not said.holds or _is_known(known, said):
            return None
        return _left_alone(services, organization, _begun(services, said), error)
    return None if _is_known(known, said) else as_set(_begun(services, said), said, services.clock())


def _unproven(services: Services, key: str, content: bytes, identity: EnvironmentId) -> SetByHand:
    """What anybody may have written: enough to leave an environment alone, and for nothing else."""
    return SetByHand.from_json(services.seal.open(key, content)[0], identity)


def _is_known(known: Environment | None, said: SetByHand) -> bool:
    """Whether the record is no lost one: it is of this life, and says itself what people set; or it has ended."""
    return known is not None and (known.life.created_at == said.created_at or not known.is_open)


def _begun(services: Services, said: SetByHand) -> Environment:
    identity, now = said.environment, services.clock()
    repository, branch = services.repositories.get(identity.repository_id), ref_component(said.branch)
    if repository is None:
        raise not_configured()
    if not repository.may_have(identity, said.branch, said.origin):
        raise other_branch(branch)
    return Environment(
        id=identity,
        branch=said.branch,
        origin=repository.of(identity).origin if said.origin.follows_pattern else said.origin,
        commit=said.commit,
        message=_REBUILT,
        absence=Absence(since=now),
        life=Life(created_at=said.created_at, pushed_at=now),
        updated_at=now,
    )


def _left_alone(
    services: Services, organization: Organization, lost: Environment, error: NeedsPerson
) -> Environment:
    """What is kept stays as it is, too, for whoever finds the key to it."""
    because = f"It was held back by hand, as far as can be told ({error}): left alone until `envmgr resume {lost.label}`."
    found = as_unknown(lost, because, services.clock())
    mark = _mark(services, lost.id)
    services.layout.private(mark.parent)
    write_private(mark, _line(services, organization, SetByHand.of(found)) or "")
    return found
