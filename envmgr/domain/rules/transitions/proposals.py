"""What is written of an environment whose plan waits for approval."""

from dataclasses import replace

from envmgr.domain.rules.approval.words import proposed
from envmgr.domain.values.environment import (
    NO_HOLD,
    Environment,
    Guard,
    Hold,
    OriginKind,
    Status,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.pipeline.proposal import Proposal

from . import applies
from .standing import says, stands


def waits_for(proposal: Proposal) -> Waits:
    """What an environment with a proposal waits for, and by what that is known again."""
    about = (proposal.digest, str(proposal.missing))
    return Waits(WaitsFor.REJECTED if proposal.rejection else WaitsFor.APPROVAL, about)


def sentence(proposal: Proposal, of: Environment) -> str:
    """Why it waits, and what a person does about it."""
    label = of.label
    commit, rejection = proposal.commit[:10], proposal.rejection
    if rejection is not None:
        why = f" ({rejection.reason})" if rejection.reason else ""
        return f"The plan of {commit} was rejected by {rejection.by}{why}: {_next(of)}, or `envmgr apply {label}`, brings a new plan."
    have = f"{len(proposal.approvals)} of {proposal.terms.needed} approvals"
    return (
        f"The plan of {commit} waits for approval ({have}, until {proposal.expires_at:%Y-%m-%d %H:%M} UTC): "
        f"{' '.join(proposal.reasons)} `envmgr approve {label}` lets it through, `envmgr reject {label}` turns it down."
    )


def to_be_approved(before: Environment, fresh: Proposal, *, anew: bool = False) -> Environment:
    """Its plan waits; what people said of the same changes stays. Until it is applied nothing passes for applied."""
    found = proposed(before.proposal, fresh, anew=anew)
    waiting = stands(applies.unknown(before), Status.WAITING, sentence(found, before), waits_for(found))
    return replace(waiting, proposal=found, hold=_hold(found))


def approved(before: Environment, proposal: Proposal) -> Environment:
    """Somebody said yes; with the last of them it goes on."""
    left = proposal.missing
    said = "Approved; the next pass continues." if not left else sentence(proposal, before)
    after = replace(says(before, said), proposal=proposal, hold=_hold(proposal))
    return after if not left else replace(after, waits=waits_for(proposal))


def rejected(before: Environment, proposal: Proposal) -> Environment:
    """Somebody said no."""
    said = stands(before, before.status, sentence(proposal, before), waits_for(proposal))
    return replace(said, proposal=proposal, hold=NO_HOLD)


def _next(of: Environment) -> str:
    """What comes by itself that would be planned anew: a tag is never pushed to."""
    return "a newer tag" if of.origin.kind is OriginKind.TAG else "a push"


def _hold(proposal: Proposal) -> Hold:
    if proposal.rejection is not None:
        return NO_HOLD
    return Hold(Guard.APPROVAL, None if proposal.missing else Guard.APPROVAL)


def settled(before: Environment) -> Environment:
    """What was proposed is over: it was applied, or something else was."""
    return before if before.proposal is None else replace(before, proposal=None)
