"""Applications of one environment keep their order: what is needed is there first, and goes last.

`decide` sees to that; here it is looked at once more when the work is under way, after the record says so. Of two
that begin at the same time at least one then sees the other.
"""

from envmgr.domain.rules.neighbours import is_last
from envmgr.engine.context.snapshot import snapshot_of

from .job import Job, Superseded


def check_needs(job: Job) -> None:
    """Raises Superseded where what an application needs is on its way out."""
    environment = job.environment
    missing = snapshot_of(job.services, environment).missing(environment)
    if missing:
        raise Superseded(
            f"{environment.label} needs {' and '.join(missing)}, which is not there, or does not stay."
        )


def check_not_needed(job: Job) -> None:
    """Raises Superseded where an application that needs this one has resources, or is about to get some."""
    environment = job.environment
    needed_by = snapshot_of(job.services, environment).neighbours(environment).needed_by
    if needed_by:
        raise Superseded(
            f"{environment.label} stays while {' and '.join(needed_by)} is there, which needs it: destroy that first."
        )


def is_last_of_all(job: Job) -> bool:
    """Whether no other application of the environment may still have resources."""
    environment = job.environment
    return is_last(environment, snapshot_of(job.services, environment).siblings(environment))
