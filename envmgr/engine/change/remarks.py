"""What a ready environment says of itself besides that it is ready."""

from datetime import timedelta

from envmgr.domain.errors import EnvmgrError
from envmgr.engine.source.desired import wanted
from envmgr.engine.work.job import Job


def ttl_remark(job: Job, asked: timedelta | None) -> str:
    """That the time to live which its branch asks for is cut; empty where it is not."""
    _, cut = job.repository.ttl_of(job.environment).end(job.services.clock(), asked, None)
    return "Its ttl is cut to ttl.max." if cut else ""


def remark_now(job: Job) -> str:
    """The same of what was applied some time ago, by what its commit asks for."""
    commit = job.environment.applied.commit
    if job.repository.ttl.max is None or commit is None:
        return ""
    try:
        return ttl_remark(job, wanted(job.services, job.repository, job.environment, commit).ttl)
    except EnvmgrError:  # it was said when that was applied, and is nothing to fail for
        return ""
