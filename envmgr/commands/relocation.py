"""Moving states to where the organization file wants them now, while their environments live.

Each goes under its lease: a mark, a copy that only a free place takes and that is read back, what is kept beside it,
then the record's switch in one write, and only then the old state is archived. The record names both places until
that is done, and whatever dies in between is left alone until the same is asked for again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from filecmp import cmp

from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing, StateLocked, Transient, UsageError
from envmgr.domain.rules.transitions import applies
from envmgr.domain.rules.unfinished import unfinished
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.backend import Backend, is_same, is_same_place, place
from envmgr.domain.values.environment import Claim, Environment, RunKind
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context import by_hand, ownership
from envmgr.engine.context.organization import Organization
from envmgr.engine.recovery import state_locks
from envmgr.engine.source.desired import with_fingerprint
from envmgr.engine.source.tool import program_now
from envmgr.engine.source.workspaces import holds_state, workspace
from envmgr.engine.work.job import Job
from envmgr.engine.work.mode import ByHand, Verb
from envmgr.host.leftovers import temporary
from envmgr.ports import StateStore

from .access import check, needs
from .operations import manual
from .runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one environment's state: where it was, where it is to be, and the error if it is not there."""

    environment: Environment
    before: Backend
    now: Backend
    error: str = ""


def organization_of(runtime: Runtime, organization: str) -> Organization:
    """An organization of the configuration; UsageError where there is none of that name."""
    organizations = runtime.services.organizations
    found = organizations.get(organization)
    if found is None:
        raise UsageError(
            f"There is no organization {organization!r} in the configuration: it has {', '.join(sorted(organizations))}."
        )
    check(runtime, Action.MOVE, organization)
    return found


def to_move(runtime: Runtime, organization: Organization) -> list[Environment]:
    """The environments whose state is not where the organization file wants it, or is on its way there."""
    records = runtime.services.store.environments(organization=organization.name)
    return [e for e in records if e.claim is not None and _is_elsewhere(e.claim, organization)]


def _is_elsewhere(claim: Claim, organization: Organization) -> bool:
    return claim.moves is not None or not is_same(claim.backend, organization.backend)


def move(
    runtime: Runtime, organization: Organization, tell: Callable[[Moved], None] = lambda _: None
) -> list[Moved]:
    """Moves them all, one after the other; what cannot be moved now says why, and holds up no other.

    Makes the new place where it is missing. Raises what keeps it from being used at all: NotOurs, NeedsPerson, Transient.
    """
    organization.state().ensure()
    ownership.require(runtime.services, organization)
    done = []
    for environment in to_move(runtime, organization):
        moved = Moved(environment=environment, before=_claim(environment).backend, now=organization.backend)
        try:
            moved = replace(moved, environment=move_one(runtime, environment))
        except EnvmgrError as error:
            moved = replace(moved, error=organization.access().redact(str(error)))
        tell(moved)
        done.append(moved)
    bring_what_was_set(runtime, organization)
    return done


def bring_what_was_set(runtime: Runtime, organization: Organization) -> None:
    """Puts what people set where the states are now, also for environments that have none, as those that ended."""
    for environment in runtime.services.store.environments(organization=organization.name):
        by_hand.keep(runtime.services, environment.id)


def left_behind(runtime: Runtime, organization: Organization, places: Sequence[Backend]) -> list[str]:
    """The keys of states that are still where states were moved from: no record tells of these."""
    records = runtime.services.store.environments(organization=organization.name)
    there = {e.id for e in records if e.claim is not None and _is_elsewhere(e.claim, organization)}
    found = []
    for backend in places:
        if not is_same_place(backend, organization.backend):
            keys = organization.state(backend).keys(f"{organization.name}/")
            found += [key for key in keys if EnvironmentId.of_key(key) not in there]
    return sorted(found)


@needs(Action.MOVE)
def move_one(runtime: Runtime, environment: Environment) -> Environment:
    """Moves one environment's state, or goes on with that; gives its record."""
    with manual(runtime, environment, ByHand(verb=Verb.MOVE_STATE, serves_an_end=True)) as job:
        claim = _claim(job.environment)
        if claim.adopts and (half_done := unfinished(job.environment)):
            raise NeedsPerson(half_done.reason)
        target = job.repository.organization.backend
        if claim.moves is not None and not is_same(claim.moves, target):
            _finish(job)  # the organization file names a third place by now, or the old one again
        if not is_same(_claim(job.environment).backend, target):
            _bring_what_was_cut_off(job)
            (_speak_otherwise if is_same_place(_claim(job.environment).backend, target) else _copy)(
                job, target
            )
        _finish(job)
        by_hand.keep(job.services, job.environment.id)
        return job.reload()


def _claim(environment: Environment) -> Claim:
    if environment.claim is None:
        raise NeedsPerson(f"{environment.label} has nothing applied, so there is no state to move.")
    return environment.claim


def _bring_what_was_cut_off(job: Job) -> None:
    """Brings to the old place what an earlier apply could not write there, or not to its end: it is the newest there is."""
    if job.state().mend(job.environment.id.state_key):
        said = "The state was truncated while Terraform wrote it; the one before it was restored."
        job.services.record(job.environment.id, "state-recovered", said, lease=job.lease)
    services, claim, organization = job.services, _claim(job.environment), job.repository.organization
    is_left = services.store.left_states.get(job.environment.id) is not None
    if not is_left and not holds_state(services.layout.workspace(job.environment.id)):
        return
    access, binary = job.access(), program_now(services, organization, claim)
    with job.run(RunKind.PLAN, claim.commit, job.environment.status, "") as active:
        state_locks.push_errored_state(job, active, workspace(job, access, claim, binary))


def _speak_otherwise(job: Job, target: Backend) -> None:
    """The place is the same, and only how it is spoken to another: nothing is copied, if the very state is seen there."""
    key, organization = job.environment.id.state_key, job.repository.organization
    if organization.state(_claim(job.environment).backend).get(key) != organization.state(target).get(key):
        raise NeedsPerson(
            f"With its new settings {place(target)} shows a different state of {job.environment.label} than with those before: nothing was changed."
        )
    job.update(lambda e: applies.moved(e, with_fingerprint(replace(_claim(e), backend=target))))
    _tell(job, f"Its state is read from {place(target)} with new settings.")


def _copy(job: Job, target: Backend) -> None:
    """Copies the state with what is kept beside it, and switches the record once it was read back."""
    organization, identity, claim = job.repository.organization, job.environment.id, _claim(job.environment)
    old, new = organization.state(claim.backend), organization.state(target)
    ownership.require_at(job.services, organization, old)
    content = _settled(job, old, claim.backend)
    if claim.moves is None:
        _check_free(job, new, target)
        # Before anything is written there: what is there from then on is known to be ours.
        job.update(lambda e: applies.moved(e, replace(_claim(e), moves=target)))
    # It may be there from an earlier try.
    if content and new.get(identity.state_key) != content and not new.create(identity.state_key, content):
        raise NeedsPerson(
            f"{place(target)} has another state at {identity.state_key} by now: both are left as they are. Check whose it is."
        )
    _copy_kept(job, old, new, target)
    _check_copied(new, identity.state_key, content, target)
    # Read once more: our lease keeps out our own, but not a Terraform that somebody runs by hand.
    if _settled(job, old, claim.backend) != content:
        raise StateLocked(f"The state of {identity} changed while it was copied: it stays where it is.")
    job.update(
        lambda e: applies.moved(e, with_fingerprint(replace(_claim(e), backend=target, moves=claim.backend)))
    )


def _copy_kept(job: Job, old: StateStore, new: StateStore, target: Backend) -> None:
    """Copies what a destroy needs, of any size, and reads it back."""
    key = job.environment.id.kept_key
    with temporary(job.services.layout.private(job.services.layout.temporaries), "kept-") as folder:
        file, copy = folder / "kept", folder / "copy"
        if not old.download(key, file):
            return
        new.upload(key, file)
        if not new.download(key, copy) or not cmp(file, copy, shallow=False):
            raise _not_copied(key, target)


def _settled(job: Job, store: StateStore, backend: Backend) -> bytes | None:
    """The state that nobody works on; None where nothing was applied. Raises where it is missing though it must be there."""
    environment = job.environment
    holder = store.lock(environment.id.state_key)
    if holder is not None:
        raise StateLocked(
            f"The state of {environment.label} is locked by {holder}: wait for its end, or see `envmgr unlock`."
        )
    content = store.get(environment.id.state_key)
    if content:
        State.from_bytes(content, f"{environment.id.state_key} in {place(backend)}")
    elif environment.applied.resources:
        raise NeedsPerson(
            f"The state of {environment.label} is missing from {place(backend)}, but resources were applied "
            f"({len(environment.applied.resources)}): bring it back, then move it."
        )
    return content


def _check_free(job: Job, new: StateStore, target: Backend) -> None:
    """Raises NeedsPerson where the new place has anything of this environment; what lists nothing is archived there."""
    identity = job.environment.id
    there = new.read(identity.state_key)
    if (there is not None and there.resources) or identity.kept_key in new.objects(identity.kept_key):
        raise NeedsPerson(
            f"{place(target)} has a state of {identity} already ({identity.state_key}): nothing was changed. Check whose it is, and move it away; or, if the old and the new setting mean the same place, write it as before."
        )
    if there is not None:
        new.archive(identity.state_key, job.services.clock())


def _check_copied(new: StateStore, key: str, content: bytes | None, target: Backend) -> None:
    if content and new.get(key) != content:
        raise _not_copied(key, target)


def _not_copied(key: str, target: Backend) -> Transient:
    return Transient(f"{key} in {place(target)} is not what was written there: the state stays where it is.")


def _finish(job: Job) -> None:
    """Archives the copy that does not count any more, and takes the mark off."""
    claim, identity, organization = _claim(job.environment), job.environment.id, job.repository.organization
    if claim.moves is None:
        return
    other, live = organization.state(claim.moves), organization.state(claim.backend)
    try:
        copy = other.get(identity.state_key)
        if copy and copy != live.get(identity.state_key):
            raise NeedsPerson(
                f"The state of {identity} in {place(claim.moves)} is another by now than in {place(claim.backend)}, which is the one in use: somebody works with the other. Nothing was archived; check what that has, then move it away."
            )
        other.archive(identity.state_key, job.services.clock())
        for key in (identity.kept_key, identity.by_hand_key):
            other.delete(key)
    except PlaceMissing:
        pass  # nor is there anything in it
    event = job.services.event(
        identity,
        "state-moved",
        f"Its state is in {place(claim.backend)} now; the copy in {place(claim.moves)} is archived there.",
    )
    job.update(lambda e: applies.moved(e, replace(_claim(e), moves=None)), event)


def _tell(job: Job, message: str) -> None:
    job.services.record(job.environment.id, "state-moved", message, lease=job.lease)
