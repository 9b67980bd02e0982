"""Whether an environment waits for people to approve its plan."""

from datetime import datetime

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.transitions.proposals import sentence, waits_for
from envmgr.domain.values.decision import Wait
from envmgr.domain.values.environment import Environment, Guard
from envmgr.domain.values.policy import Policy


def awaits_approval(environment: Environment, policy: Policy, now: datetime) -> Wait | None:
    """Its plan waits for people, unless it, or who has to approve it, is another by now, or it was let through, or waited too long."""
    proposal = environment.proposed
    if proposal is None or proposal.on != attempt_key(environment, policy):
        return None
    said, waits = sentence(proposal, environment), waits_for(proposal)
    if proposal.rejection is not None:
        return Wait(said, waits)
    is_void = policy.approval not in (None, proposal.terms)
    if is_void or not proposal.missing or now >= proposal.expires_at:
        return None
    return Wait(said, waits, until=proposal.expires_at, hold=Guard.APPROVAL)
