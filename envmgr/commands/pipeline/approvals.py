"""What people say of a plan that waits for them: yes or no, each with her name and for just that plan."""

from collections.abc import Callable, Mapping

from envmgr.commands.access import needs
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.access.on_forge import identity_of, login_of
from envmgr.domain.rules.approval import words
from envmgr.domain.rules.transitions import proposals
from envmgr.domain.values.asking.person import Action, Kind
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.pipeline.proposal import Approval, Proposal, Rejection, plan_name
from envmgr.engine.context import by_hand
from envmgr.views.visible import escaped

Seen = Mapping[str, str]
"""The digest of the plan that somebody was shown, by application."""


@needs(Action.APPROVE)
def approve_plan(runtime: Runtime, environment: Environment, seen: Seen | None = None) -> Environment:
    """Says yes to the plan of a record that was shown, or to that with the digest that was `seen`.

    Raises NeedsPerson where it is another by now, or her word does not count.
    """
    asker, now = runtime.person.asker, runtime.services.clock()
    shown, who = _shown(environment, seen), who_is(runtime)
    role = runtime.person.role(environment.id.organization, environment.id.repository)
    identity, author = identity_of(asker), _author_of(runtime, environment)

    def change(record: Environment) -> Environment:
        proposal = _same(record, shown)
        if identity and identity == author and not proposal.terms.allows_author:
            raise NeedsPerson(
                f"{record.label}: {who} opened the pull request: somebody else has to approve it. Nothing was approved."
            )
        if why := words.why_not(proposal, who, role, now, identity):
            raise NeedsPerson(f"{record.label}: {why} Nothing was approved.")
        # For the type alone: `why_not` has refused her by then.
        if role is None:
            raise NeedsPerson(f"{record.label}: nobody without a role approves.")
        said = Approval(by=str(asker), who=who, role=role, at=now, identity=identity)
        return proposals.approved(record, words.approved(proposal, said))

    return _say(runtime, environment, change, "approved", _told("Approved", environment, shown, ""))


@needs(Action.REJECT)
def reject(
    runtime: Runtime, environment: Environment, reason: str = "", seen: Seen | None = None
) -> Environment:
    """Turns a plan that waits for approval down, whoever approved it before. Raises NeedsPerson where there is none."""
    said = " ".join(escaped(reason).split())
    now, shown = runtime.services.clock(), _shown(environment, seen)

    def change(record: Environment) -> Environment:
        proposal = _same(record, shown)
        if proposal.rejection is not None:
            raise NeedsPerson(f"{record.label}: it was rejected by {proposal.rejection.by} already.")
        rejection = Rejection(str(runtime.person.asker), said, now)
        return proposals.rejected(record, words.rejected(proposal, rejection))

    return _say(runtime, environment, change, "rejected", _told("Rejected", environment, shown, said))


def who_is(runtime: Runtime) -> str:
    """Whose word it is, by whatever door: of a token that of whoever made it, so that nobody counts twice.

    On a forge it is the login: who has the same name elsewhere counts as the same, as it may well be she.
    """
    if runtime.person.asker.kind is Kind.FORGE:
        return login_of(runtime.person.asker)
    made_by = {f"token {token.name}": token.created_by for token in runtime.services.store.tokens.all()}
    name, passed = str(runtime.person.asker), set[str]()
    while name in made_by and name not in passed:
        passed.add(name)
        name = made_by[name]
    return name.removeprefix("person ").removeprefix("user ")


def _author_of(runtime: Runtime, environment: Environment) -> str:
    """By what its forge knows who opened the pull request of an environment; empty where it comes from none."""
    number = environment.origin.number
    if number is None:
        return ""
    known = runtime.services.store.pull_requests.get(environment.id.repository_id, number)
    return f"id:{known.told.author.id}" if known is not None else ""


def awaiting(environment: Environment) -> Proposal | None:
    """The plan of a record that people may say yes or no to; None where there is none."""
    proposal = environment.proposed
    return proposal if proposal is not None and proposal.rejection is None else None


def none_waits(environment: Environment, plan: str = "plan") -> str:
    """That no plan of a record, or not the `plan` that is meant, waits for a word, and how it stands instead."""
    why = f": {environment.said}" if environment.said else "."
    return f"{environment.label} has no {plan} that waits for approval, it is {environment.status}{why}"


def _shown(environment: Environment, seen: Seen | None) -> str:
    if seen is not None:
        return seen.get(environment.id.application, "")
    proposal = awaiting(environment)
    if proposal is None:
        raise NeedsPerson(none_waits(environment))
    return proposal.digest


def _same(record: Environment, digest: str) -> Proposal:
    proposal = record.proposed
    if proposal is None or proposal.digest != digest:
        raise NeedsPerson(
            f"{record.label}: the plan that was shown is not the one that waits any more. Look again, and ask again."
        )
    return proposal


def _told(verb: str, environment: Environment, digest: str, reason: str) -> str:
    return f"{verb} the plan of {environment.target[:10]} ({plan_name(digest)}){f': {reason}' if reason else ''}."


def _say(
    runtime: Runtime,
    environment: Environment,
    change: Callable[[Environment], Environment],
    action: str,
    message: str,
) -> Environment:
    services, identity = runtime.services, environment.id
    event = services.event(
        identity, action, message, commit=environment.target, actor=str(runtime.person.asker)
    )
    said = services.store.update(identity, None, services.clock(), change, event)
    by_hand.keep(services, identity)
    return said
