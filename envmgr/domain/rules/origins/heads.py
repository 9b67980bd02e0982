"""Heads of forks that wait for somebody's yes: pure."""

from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.origins.previews import AskedPreviews, Why

from .previews import objection


def waiting_head(pull: KnownPullRequest, asked: AskedPreviews) -> str | None:
    """The commit of a fork that would be run as soon as somebody approved it; None where none is.

    It is the one that the forge told of last: one that is not told in full cannot be approved.
    """
    told, found = pull.told, objection(pull, asked)
    if not told.is_from_fork or told.commit is None:
        return None
    if found is not None and found.why is not Why.UNAPPROVED:
        return None
    is_approved = pull.approved is not None and pull.approved.commit == told.commit
    return None if is_approved else told.commit
