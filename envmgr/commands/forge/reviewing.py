"""Approving reviews as approvals of plans, where the configuration wants that: of the commit and the plan that wait, once each."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from envmgr.commands.pipeline.approvals import approve_plan, awaiting
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, Forbidden, NeedsPerson, RetryLater
from envmgr.domain.rules.access.on_forge import identity_of, login_of, on_forge
from envmgr.domain.rules.approval import words
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.forge import ForgeApproval, KnownPullRequest
from envmgr.domain.values.pipeline.proposal import Proposal
from envmgr.engine.context.organization import Repository
from envmgr.ports.forge import Forge

from .attending import People, Records
from .obeying import target

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record whose plan waits for people, and the IDs of those who opened pull requests of its commit."""

    record: Environment
    proposal: Proposal
    authors: frozenset[str]


def count_reviews(
    runtime: Runtime,
    repository: Repository,
    pulls: Sequence[KnownPullRequest],
    records: Records,
    people: People,
) -> bool:
    """Takes the reviews that approve just the commit whose plan waits as approvals; whether any counted.

    The forge is asked only where a plan waits. Raises RetryLater where it asks for a pause, what it raises where it does
    not answer who somebody is, and what the store raises.
    """
    forge, counted = repository.forge, False
    if forge is None or not repository.gates.counts_reviews:
        return False
    targets = [(pull, target(pull, records.all)) for pull in pulls]
    for pull, meant in targets:
        waiting = [
            _Waiting(record, proposal, frozenset(p.told.author.id for p, of in targets if record in of))
            for record in meant
            if (proposal := _lacking(runtime, pull, record)) is not None
        ]
        for commit in sorted({each.proposal.commit for each in waiting}):
            about = [each for each in waiting if each.proposal.commit == commit]
            for review in _reviews(repository, forge, pull, commit):
                counted = _count(runtime, repository, forge, review, about, people) or counted
    return counted


def _lacking(runtime: Runtime, pull: KnownPullRequest, record: Environment) -> Proposal | None:
    """The plan of a record that lacks somebody's yes; None where there is none, or the head is another by now."""
    proposal = awaiting(record)
    if proposal is None or not proposal.missing or runtime.services.clock() >= proposal.expires_at:
        return None
    return proposal if pull.told.commit in (None, proposal.commit) else None


def _reviews(
    repository: Repository, forge: Forge, pull: KnownPullRequest, commit: str
) -> Sequence[ForgeApproval]:
    try:
        return [each for each in forge.approvals(pull.number, commit) if each.commit == commit]
    except RetryLater:
        raise
    except EnvmgrError as error:  # of this one; the list came, so the forge is there
        log.info(str(error), action="not-asked", repository=str(repository.id), number=pull.number)
        return []


def _count(
    runtime: Runtime,
    repository: Repository,
    forge: Forge,
    review: ForgeApproval,
    waiting: Sequence[_Waiting],
    people: People,
) -> bool:
    """Whether a review is a yes to any of these, by somebody whose word counts."""
    meant = [each for each in waiting if _means(review, each)]
    if not meant or review.person.is_bot or people.is_us(forge, review.person):
        return False
    asker = people.asker(forge, review.person, runtime.services.clock())
    person = on_forge(asker, repository.id, repository.forge_rules.members)
    asking, counted = runtime.asked_by(person), False
    role = person.role(repository.id.organization, repository.id.name)
    for each in meant:
        who, now, identity = login_of(asker), runtime.services.clock(), identity_of(asker)
        # Asked here so that what never counts is not tried again at each look; what says yes asks for itself.
        if words.why_not(each.proposal, who, role, now, identity):
            continue
        try:
            approve_plan(asking, each.record, {each.record.id.application: each.proposal.digest})
        except (Forbidden, NeedsPerson) as error:
            log.info(str(error), action="not-approved", repository=str(repository.id))
        else:
            counted = True
    return counted


def _means(review: ForgeApproval, waiting: _Waiting) -> bool:
    """Whether who reviewed can have seen the plan, and did not open the pull request, unless authors may approve.

    One that came before the plan was there, or of which the forge does not tell when, is no word on the plan.
    """
    proposal = waiting.proposal
    is_later = review.at is not None and review.at >= proposal.requested_at
    return is_later and (proposal.terms.allows_author or review.person.id not in waiting.authors)
