"""Whether what Terraform made is still in the cloud, asked where a push would run only steps.

A push that changes no infrastructure starts no Terraform, so nobody would see that somebody deleted the environment's
group by hand: its steps would deploy into nothing. The tags are looked up first, which costs a call or two.
"""

from contextlib import suppress

from envmgr.domain.audit.ownership import missing
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.names import first
from envmgr.domain.values.tags import own
from envmgr.engine.work.job import Job


def what_is_gone(job: Job) -> str:
    """The sentence that says what is gone; empty where nothing is, or nobody can tell."""
    environment = job.environment
    if environment.claim is None or not environment.applied.identifiers:
        return ""
    tags = own(environment.claim.tags)
    with suppress(EnvmgrError):  # a cloud that does not answer says nothing; whatever needs it will tell
        clouds = job.repository.organization.clouds(environment.applied.resources)
        there = [found for cloud in clouds for found in cloud.remaining(tags)]
        gone = missing(environment.applied.identifiers, there)
        # Without a cloud to ask everything would look gone.
        return _sentence(gone) if clouds and gone else ""
    return ""


def _sentence(gone: tuple[str, ...]) -> str:
    return (
        f"Not in the cloud any more, as if deleted by hand: {first(gone, 1)}. What is missing is made again."
    )
