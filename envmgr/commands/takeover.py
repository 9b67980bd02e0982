"""Taking over an environment that exists already: its state is put where the environment's own would be.

What becomes of it is planned by a copy and shown before anything is written. From the yes on the claim is marked with
the state's SHA-256; the mark goes with the claim of the apply, once the state is in its place, was read back and gives
the plan that was approved. Whatever dies in between is left alone until the same is asked for again.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from envmgr.domain.documents.lineage import is_another
from envmgr.domain.documents.plan import Plan
from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing, StateLocked, Transient
from envmgr.domain.rules.takeover import GivenState, check_kept
from envmgr.domain.rules.transitions.applies import not_adopted
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Claim, Environment, RunKind, Status
from envmgr.domain.values.names import EnvironmentId, first
from envmgr.engine.change.apply import apply_planned, keep, look, remark
from envmgr.engine.change.deploy import deploy
from envmgr.engine.change.gating import Gate
from envmgr.engine.change.planning import carry_out, check_not_frozen_since, listed, plan_apply
from envmgr.engine.source import kept
from envmgr.engine.work.job import ActiveRun, Job, NothingDone
from envmgr.engine.work.mode import ByHand, Verb
from envmgr.engine.work.planned import Planned, StateCopy
from envmgr.host.given import read_given
from envmgr.host.system import write_private

from .access import needs
from .operations import await_started, check_branch, check_open, manual, render
from .runtime import Runtime

_LARGEST = 256 * 1024 * 1024
"""Bytes: no state is larger than that."""

Confirm = Callable[[str, Plan | None], bool]


@dataclass(slots=True)
class _Adoption:
    """One taking-over under way; `approved` are the plans that a person said yes to."""

    given: GivenState
    confirm: Confirm
    destroys: bool
    approved: list[Plan | None] = field(default_factory=list)

    def is_wanted(self, job: Job, planned: Planned) -> bool:
        """Whether a person wants just this plan; saying no undoes what was begun."""
        if self.approved and self.approved[-1] == planned.plan:
            return True
        shown = "\n".join([render(job, planned).rstrip(), *planned.warnings])
        if not self.confirm(shown, planned.plan):
            if _undo(job):
                raise NothingDone("Declined: what was begun is undone, and nothing was changed in the cloud.")
            return False
        self.approved.append(planned.plan)
        return True


@needs(Action.ADOPT)
def adopt(
    runtime: Runtime,
    environment: Environment,
    file: Path,
    confirm: Confirm,
    *,
    override_window: bool = False,
    destroys: bool = False,
) -> Environment:
    """Plans by a copy of the state in `file`, has it confirmed, puts the state in its place, applies.

    A plan that would destroy or replace anything is refused, unless it `destroys` on purpose. Raises NeedsPerson where
    the environment has a state of its own, or the state may be another environment's.
    """
    given = GivenState.of(read_given(file, _LARGEST, "a state"), str(file))
    adoption = _Adoption(given, confirm, destroys)
    with manual(runtime, environment, ByHand(verb=Verb.ADOPT, confirm=adoption.is_wanted)) as job:
        check_open(job, override_window=override_window)
        _check_there(job)
        check_branch(job)
        is_there = _check_free(job, given)
        _check_nobodys(job, given)
        desired = look(job, adopts=True)
        desired = replace(desired, claim=replace(desired.claim, lineage=given.state.lineage))
        started = f"Adoption of {file.name} by {job.services.actor}."
        with job.run(RunKind.APPLY, desired.claim.commit, Status.RUNNING, started) as active:
            if not is_there:
                _put(job, given, _approved_by_a_copy(adoption, active, desired.claim))
            gate = Gate(job, active, desired)
            carry_out(
                job,
                lambda: _planned(adoption, active, desired.claim),
                lambda: None,
                lambda planned: apply_planned(job, gate, planned),
                gate.check,
            )
        said = f"Took over {first(given.state.resources, 3)} with the state in {file.name}."
        job.services.record(
            job.environment.id,
            "adopted",
            said,
            commit=desired.claim.commit,
            run=active.run.id,
            lease=job.lease,
        )
        deploy(job, desired, remark(job, desired))
        await_started(job)
        return job.environment


def _is_begun(job: Job) -> bool:
    claim = job.environment.claim
    return claim is not None and bool(claim.adopts)


def _check_there(job: Job) -> None:
    if job.environment.is_missing and _is_begun(job):
        raise NeedsPerson(
            f"Branch {job.environment.branch} was deleted while {job.environment.label} was being taken over: push it again, then the same command finishes that, or undoes it if you say no."
        )


def _check_free(job: Job, given: GivenState) -> bool:
    """Whether exactly this state is in its place since an earlier try; NeedsPerson where anything else is.

    A state that lists nothing, as a first plan or a failed first apply leaves one, is nothing.
    """
    environment, claim = job.environment, job.environment.claim
    if claim is not None and claim.adopts not in ("", given.digest):
        raise NeedsPerson(
            f"{environment.label} is being taken over with another state than this (SHA-256 {claim.adopts[:12]}…, not "
            f"{given.digest[:12]}…): give that one, to finish or (by saying no) undo it."
        )
    state, content = _there(job)
    if claim is not None and claim.adopts and content == given.content:
        return True
    if (
        state is not None
        and state.resources
        and is_another(environment, state)
        and _is_a_copy(content, given)
    ):
        return True
    if state is not None and state.lineage == given.state.lineage and claim is not None:
        raise NeedsPerson(
            f"{environment.label} already works with this very state (lineage {state.lineage}, now at serial "
            f"{state.serial}): there is nothing to take over."
        )
    listed_now = state.resources if state is not None else ()
    own = environment.applied.resources if claim is not None and not claim.adopts else ()
    if listed_now or own:
        raise NeedsPerson(
            f"{environment.label} has a state of its own, which lists {first(listed_now or own, 3)}, so no other can take its "
            "place: nothing was changed. If those were made for its branch and nobody needs them, `envmgr destroy "
            f"{environment.label}` removes them, and then this can be done."
        )
    return False


def _is_a_copy(content: bytes | None, given: GivenState) -> bool:
    """Whether what is there is what a person gave, who so says that it is this environment's."""
    return content is not None and GivenState.of(content, "its place").digest == given.digest


def _there(job: Job) -> tuple[State | None, bytes | None]:
    """What is at the environment's key now; nothing where an organization is so new that it has no place for states."""
    state, key = job.state(), job.environment.id.state_key
    try:
        return state.read(key), state.get(key)
    except PlaceMissing:
        if job.repository.organization.is_new():
            return None, None
        raise


def _check_nobodys(job: Job, given: GivenState) -> None:
    """Raises NeedsPerson where another environment has this state, or resources of it: each would destroy the other's."""
    services, mine = job.services, job.environment.id
    others = {e.id: e for e in services.store.environments() if e.id != mine}
    for other in others.values():
        shared = sorted({*given.state.identifiers} & {*(other.applied.identifiers or ())})
        is_marked = other.claim is not None and other.claim.adopts == given.digest
        # Marked: its state may not be in its place yet, so that no record lists its resources.
        if shared or is_marked:
            what = f"{shared[0]} is a resource" if shared else "this very state is being taken over as that"
            raise NeedsPerson(f"{what} of {other.label}: one environment each. Nothing was changed.")
        if other.claim is not None and other.claim.lineage == given.state.lineage:
            raise _of(other.id)  # whatever is in its place by now
    for identity in {*_stated(job), *others} - {mine}:
        if _lineage(job, identity, others.get(identity)) == given.state.lineage:
            raise _of(identity)


def _of(identity: EnvironmentId) -> NeedsPerson:
    return NeedsPerson(
        f"The state has the lineage of {identity}, which envmgr manages: it is that environment's. Nothing was changed."
    )


def _stated(job: Job) -> set[EnvironmentId]:
    """The environments that have a state in the organization's backend, also those of which there is no record."""
    organization = job.repository.organization
    with suppress(PlaceMissing):
        return {
            found
            for key in organization.state().keys(f"{organization.name}/")
            if (found := EnvironmentId.of_key(key))
        }
    return set()


def _lineage(job: Job, identity: EnvironmentId, record: Environment | None) -> str | None:
    """The lineage of another environment's state. Within the organization it must be known, elsewhere it may not be."""
    claim = record.claim if record is not None else None
    if record is not None and claim is None:
        return None
    organization = job.services.organizations.get(identity.organization)
    if organization is None:
        return None
    try:
        state = organization.state(claim.backend if claim is not None else None).read(identity.state_key)
    except EnvmgrError:
        if organization is job.repository.organization:
            raise
        return None
    return state.lineage if state is not None else None


def _approved_by_a_copy(adoption: _Adoption, active: ActiveRun, claim: Claim) -> Planned:
    """The plan by a copy, in a folder that goes with the run, once a person wants it."""
    job = active.job
    folder = job.services.layout.private(job.services.layout.plans(job.environment.id))
    path = folder / f"{secrets.token_hex(16)}.tfstate"
    write_private(path, adoption.given.content)
    planned = _planned(adoption, active, claim, StateCopy(path=path, state=adoption.given.state))
    if not adoption.is_wanted(job, planned):
        raise NothingDone("Declined: nothing was changed.")
    check_not_frozen_since(job)
    return planned


def _planned(adoption: _Adoption, active: ActiveRun, claim: Claim, copy: StateCopy | None = None) -> Planned:
    """A plan that passed the gates, and keeps what exists unless a person wants it otherwise."""
    planned = plan_apply(active.job, active, claim, copy)
    findings = [] if adoption.destroys else check_kept(planned.plan)
    if findings:
        raise NeedsPerson(
            active.job.redact(
                f"{listed(findings)} What exists is taken over as it is: change the code or its variables until the plan keeps it; --allow-destroy permits this, after showing it"
                + ("; saying no undoes what was begun." if _is_begun(active.job) else ".")
            )
        )
    return planned


def _put(job: Job, given: GivenState, planned: Planned) -> None:
    """Marks the claim, then puts the state in its place, where nothing may be, and reads it back."""
    state, identity = job.state(), job.environment.id
    holder = state.lock(identity.state_key)
    if holder is not None:
        raise StateLocked(f"The place of the state of {identity} is locked by {holder}: nothing was changed.")
    keep(job, replace(planned.claim, adopts=given.digest))
    # Something is written from here on: what fails now is to be finished or undone by a person.
    job.goes_ahead()
    said = f"Takes over the state of lineage {given.state.lineage}, serial {given.state.serial}."
    job.services.record(identity, "adopting", said, commit=planned.claim.commit, lease=job.lease)
    _check_nobodys(job, given)  # of two who give the same state at once, each sees the other now
    empty = state.read(identity.state_key)
    # A first plan may have left a state that lists nothing; `create` takes no place that is taken.
    if empty is not None and not empty.resources:
        state.archive(identity.state_key, job.services.clock())
    if not state.create(identity.state_key, given.content):
        raise NeedsPerson(
            f"Somebody put a state at {identity.state_key} meanwhile: it is left as it is, and nothing was applied. Check whose it is."
        )
    if state.get(identity.state_key) != given.content:
        raise Transient(
            f"The state at {identity.state_key} is not what was written there: nothing was applied."
        )


def _undo(job: Job) -> bool:
    """Takes back what was begun; whether anything was. Nothing was applied yet, so what exists stays as it is."""
    environment, claim = job.environment, job.environment.claim
    if claim is None or not claim.adopts:
        return False
    state = job.state()
    state.archive(environment.id.state_key, job.services.clock())
    kept.forget(state, environment.id)
    because = f"Its adoption was undone by {job.services.actor}; `envmgr resume {environment.label}` creates it again."
    event = job.services.event(environment.id, "adoption-undone", because)
    job.update(lambda e: not_adopted(e, because, job.services.clock()), event)
    return True
