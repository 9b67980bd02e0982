"""What became ready, written down as the evidence that a promotion rests on."""

from envmgr.domain.rules.pipeline.testing import has_passed, mark
from envmgr.domain.values.pipeline.release import Release

from .job import Job


def is_tested(job: Job, commit: str) -> bool:
    """Whether a commit that is ready now needs no test any more; what a person asks for is tested once more."""
    tests = job.policy.tests
    if not tests:
        return True
    on = mark(commit, job.policy.inputs, tests)
    return not job.mode.is_by_hand and has_passed(job.environment.tests, on, tests)


def note_ready(job: Job, commit: str, *, passed: bool = True) -> None:
    """Notes that all of a commit is ready in the job's environment, and whether its tests passed, or it has none.

    To be called before the record says so: a process that dies in between says it once more, but nobody finds the
    environment ready, and no release.
    """
    releases, now = job.services.store.pipeline.releases, job.services.clock()
    before = releases.get(job.environment.id, commit)
    if before is not None and before.has_passed is passed:
        return
    tested = now if passed else None
    releases.note(Release(environment=job.environment.id, commit=commit, ready_at=now, tested_at=tested))
