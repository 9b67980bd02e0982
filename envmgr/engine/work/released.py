"""What became ready, written down as the evidence that a promotion rests on."""

from envmgr.domain.values.pipeline.release import Release

from .job import Job


def note_ready(job: Job, commit: str, *, has_passed: bool = True) -> None:
    """Notes that all of a commit is ready in the job's environment, and whether its tests passed, or it has none.

    To be called before the record says so: a process that dies in between says it once more, but nobody finds the
    environment ready, and no release.
    """
    releases, now = job.services.store.pipeline.releases, job.services.clock()
    before = releases.get(job.environment.id, commit)
    if before is not None and before.has_passed is has_passed:
        return
    tested = now if has_passed else None
    releases.note(Release(environment=job.environment.id, commit=commit, ready_at=now, tested_at=tested))
