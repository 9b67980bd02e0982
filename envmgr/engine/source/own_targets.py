"""Before anything is uploaded: whether where it goes is the environment's own."""

from collections.abc import Iterator, Sequence
from functools import cache

from envmgr.domain.documents.state import State
from envmgr.domain.documents.targets import Target, place_of, settled
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.step import Step
from envmgr.engine.work.job import Job
from envmgr.engine.work.lineage import of_its_own

_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def own(job: Job, state: State | None, steps: Sequence[Step]) -> list[Step]:
    """The steps, with each place that one sends files to called without doubt.

    NeedsPerson where that is no resource of the environment's own state, or of one of its applications.
    """
    if not any(place_of(step.run) for step in steps):
        return list(steps)
    environment = job.repository.organization.access().environment
    region = next((environment[name] for name in _REGIONS if environment.get(name)), "")
    targets = state.targets if state is not None else ()
    siblings = cache(lambda: list(_siblings_targets(job)))  # each is a state to be read
    return [settled(step, targets, region) or _of_siblings(job, step, siblings(), region) for step in steps]


def _of_siblings(job: Job, step: Step, targets: Sequence[Target], region: str) -> Step:
    """The same where another application of the environment has the place."""
    found = settled(step, targets, region)
    if found is None:
        raise NeedsPerson(
            job.redact(
                f"Step {step.name}: {place_of(step.run)} is not in the state of {job.environment.label}, and files go only "
                "where the environment's own Terraform code made the place: nothing was sent. Make it there, or check "
                "the output it is from."
            )
        )
    return found


def _siblings_targets(job: Job) -> Iterator[Target]:
    identity = job.environment.id
    for record in job.services.store.environments(repository=job.repository.id):
        if (
            record.id.environment == identity.environment
            and record.id != identity
            and record.claim is not None
        ):
            store = job.repository.organization.state(record.claim.backend)
            state = of_its_own(record, store.read(record.id.state_key))
            yield from state.targets if state is not None else ()
