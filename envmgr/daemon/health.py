"""Whether what was deployed works."""

from envmgr.domain.errors import NeedsPerson

from .job import Job


def await_healthy(job: Job) -> None:
    """Waits until what was deployed is healthy."""
    raise NeedsPerson(f"The health of {job.environment.label} cannot be asked yet by this version.")
