"""Who may let a plan through, and whether that was done: pure, so that what was approved can be held against what is applied."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.pipeline.proposal import Approval, Proposal, Rejection, Terms

KEPT_FOR_GOOD = frozenset({"proposed", "approved", "rejected", "approval-used"})
"""The events that say who approved what: they outlive all others."""


def why_not(proposal: Proposal, who: str, role: Role | None, now: datetime, identity: str = "") -> str:
    """Why somebody's word does not count, in a sentence; empty where it does.

    `identity` is by what a forge knows her: who takes another name there is still the same.
    """
    terms = proposal.terms
    if proposal.rejection is not None:
        return f"It was rejected by {proposal.rejection.by}: the next commit that it gets, or `envmgr apply`, brings a new plan."
    if now >= proposal.expires_at:
        return f"It waited until {proposal.expires_at:%Y-%m-%d %H:%M} UTC and is planned again: approve what comes of that."
    if role is None or not role.includes(terms.role):
        return f"It takes the role {terms.role}."
    if not terms.allows_author and is_author(who, proposal.author):
        return f"{who} made the commit: somebody else has to approve it."
    if any(each.who == who or (identity and each.identity == identity) for each in proposal.approvals):
        return f"{who} has approved it already."
    return ""


def approved(proposal: Proposal, approval: Approval) -> Proposal:
    """The same with somebody's yes, which must count."""
    return replace(proposal, approvals=(*proposal.approvals, approval))


def rejected(proposal: Proposal, rejection: Rejection) -> Proposal:
    """The same with somebody's no: whoever said yes, it is not applied."""
    return replace(proposal, rejection=rejection)


def is_approved(proposal: Proposal, now: datetime) -> bool:
    """Whether enough people have said yes, nobody no, and it is not too late."""
    return proposal.rejection is None and not proposal.missing and now < proposal.expires_at


def lets_through(proposal: Proposal | None, commit: str, digest: str, terms: Terms, now: datetime) -> bool:
    """Whether just this was approved: a plan of this commit that does exactly these changes, under the terms of now."""
    return (
        proposal is not None
        and (proposal.commit, proposal.digest, proposal.terms) == (commit, digest, terms)
        and is_approved(proposal, now)
    )


def is_carried_out(proposal: Proposal | None, on: str, now: datetime) -> bool:
    """Whether a plan that would do nothing more is what was approved: of the same commit, by all the same.

    So it is where whoever applied it died before that was recorded. Its code may still have to be deployed, as was approved, too.
    """
    return proposal is not None and proposal.on == on and is_approved(proposal, now)


def proposed(before: Proposal | None, fresh: Proposal, *, anew: bool = False) -> Proposal:
    """What is asked for now: what people said of the same changes stays, under the same terms and within its time.

    `anew`: a person wants to be asked again, whatever was said before.
    """
    if (
        before is None
        or anew
        or (before.commit, before.digest, before.terms) != (fresh.commit, fresh.digest, fresh.terms)
        or fresh.requested_at >= before.expires_at
    ):
        return fresh
    return replace(
        fresh,
        requested_at=before.requested_at,
        expires_at=before.expires_at,
        approvals=before.approvals,
        rejection=before.rejection,
    )


def is_author(who: str, author: str) -> bool:
    """Whether somebody may be a commit's author, by either's name or address; in doubt she is."""
    return bool(_names(who) & _names(author))


def _names(text: str) -> frozenset[str]:
    name, _, address = text.casefold().removesuffix(">").partition("<")
    known = {name.strip(), address.strip(), *(part.partition("@")[0].strip() for part in (name, address))}
    return frozenset(known - {""})
