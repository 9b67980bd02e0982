"""By its lineage a state is known to be the one that an environment's own applies wrote: by another's, nothing is done."""

from contextlib import suppress

from envmgr.domain.documents.lineage import is_another
from envmgr.domain.documents.state import State
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.transitions.applies import began_with, unknown
from envmgr.domain.rules.transitions.ends import emptied
from envmgr.domain.values.backend import place
from envmgr.domain.values.environment import Environment

from .job import Job


def own_state(job: Job) -> State | None:
    """What the environment's state says now; None where there is none. NeedsPerson where it is another."""
    state = job.read_state()
    check_own(job, state)
    return state


def of_its_own(environment: Environment, state: State | None) -> State | None:
    """The state that was read for an environment which others rely on; NeedsPerson where it is another."""
    if state is not None and is_another(environment, state):
        raise _refusal(environment, state)
    return state


def check_own(job: Job, state: State | None, taken: str = "") -> None:
    """Raises NeedsPerson where the state that was read is surely another; one that rightly began anew is known from here on.

    `taken` is the lineage of a state that a person takes over, who was asked.
    """
    claim = job.environment.claim
    if claim is None or not claim.lineage or state is None:
        return
    if is_another(job.environment, state, taken) and not _has_ended(job, claim.lineage):
        raise _refusal(job.environment, state)
    lineage = state.lineage
    if taken in ("", claim.lineage) and lineage != claim.lineage:
        job.update(lambda e: began_with(e, lineage))


def let_begin(job: Job) -> None:
    """There is no state, and none is missed: the next apply makes one of its own."""
    claim = job.environment.claim
    if claim is not None and claim.lineage:
        job.update(lambda e: began_with(e, ""))


def _has_ended(job: Job, lineage: str) -> bool:
    """Whether the known state was archived with nothing left in it: then the records are of a backup from before that."""
    key, store = job.environment.id.state_key, job.state()
    for name, at in store.archives(f"{key.rpartition('/')[0]}/"):
        with suppress(NeedsPerson):
            copy = store.read(name)
            if copy is not None and copy.lineage == lineage and not copy.resources:
                said = f"Its state was archived at {at:%Y-%m-%d %H:%M:%S} UTC with nothing left in it: it was destroyed then, and these records come from an older backup."
                job.services.record(job.environment.id, "destroyed-before", said, lease=job.lease)
                job.update(lambda e: unknown(emptied(e)))
                return True
    return False


def _refusal(environment: Environment, state: State) -> NeedsPerson:
    claim = environment.claim
    known, where = (claim.lineage, place(claim.backend)) if claim is not None else ("", "its place")
    return NeedsPerson(
        f"The state of {environment.label} is not the one that its last apply wrote (lineage {known:.8}…, now {state.lineage:.8}…): somebody put "
        f"another at {environment.id.state_key} in {where}. Nothing is applied or destroyed by it: put its own back (an earlier "
        f"version, a backup); if this one is its own, `envmgr adopt {environment.label} --state FILE` with a copy of it takes it."
    )
