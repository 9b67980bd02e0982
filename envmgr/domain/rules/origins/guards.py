"""What holds a named environment back: what it follows is gone or was moved, or its commit was not ready where it comes from."""

from envmgr.domain.values.decision import Close, Decision, Rest, Wait
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Offered,
    OriginKind,
    Suspension,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.names import ref_component
from envmgr.domain.values.origins.previews import Why
from envmgr.domain.values.policy import Awaited, Policy


def gone(environment: Environment) -> str:
    """That what it comes from went, to begin a sentence with."""
    if environment.origin.kind is OriginKind.PULL_REQUEST:
        return f"Pull request {environment.origin.number} is closed"
    return f"Branch {ref_component(environment.branch)} is gone"


def has_gone(environment: Environment) -> str:
    """The same once it is, to go on with since when."""
    if environment.origin.kind is OriginKind.PULL_REQUEST:
        return f"Pull request {environment.origin.number} has been closed"
    return f"Branch {ref_component(environment.branch)} has been gone"


def seems_gone(environment: Environment) -> str:
    """The same as long as it is not certain."""
    if environment.origin.kind is OriginKind.PULL_REQUEST:
        return f"Pull request {environment.origin.number} seems closed"
    return f"Branch {ref_component(environment.branch)} seems gone"


def no_previews(environment: Environment) -> str:
    """That the configuration asks for no environments of pull requests any more."""
    return f"`previews` of {environment.id.repository_id} is not there any more"


def unless_left_alone(environment: Environment, decision: Decision) -> Decision:
    """A decision, but for the closing of what a person suspended: closed, it would begin anew without that."""
    if not isinstance(decision, Close) or environment.suspended_by is not Suspension.PERSON:
        return decision
    return Rest(f"{environment.why_suspended} {decision.reason}")


def preview_stays(environment: Environment, policy: Policy) -> Decision | None:
    """A pull request's environment that is not taken further: it stays as it is, until that is closed or its time ends."""
    found = policy.objection
    if found is None or environment.origin.kind is not OriginKind.PULL_REQUEST:
        return None
    if found.why is Why.NOT_OPEN:
        return Rest(f"{found}.")  # the next look at the remote takes that up
    if environment.claim is None and found.why is not Why.LOST:
        return Close(f"{found}, and nothing was applied.")
    said = f"{found}: it stays as it is; `envmgr destroy {environment.label}` ends it."
    return Wait(said, Waits(WaitsFor.PULL_REQUEST, (found.why, *found.about)))


def preview_is_lost(environment: Environment, policy: Policy) -> Decision | None:
    """Its pull request is not to be found, or was not told of yet: a person says what is to become of it."""
    is_lost = policy.objection is not None and policy.objection.why is Why.LOST
    return preview_stays(environment, policy) if is_lost else None


def not_as_named(environment: Environment, policy: Policy) -> str:
    """Why the configuration does not mean this environment: it names it no more, or names another like it."""
    where, name = environment.id.repository_id, environment.id.name
    if policy.is_named:
        return f"`environments` of {where} has {name} now, and this one is of {environment.followed}"
    return f"`environments` of {where} lists {name} no more"


def other_history(environment: Environment) -> Wait | None:
    """It is missing in another history than the known one: a person says whether that is meant."""
    if environment.hold.guard is not Guard.HISTORY or environment.hold.approved is Guard.HISTORY:
        return None
    then = "follows that" if environment.origin.is_named else "destroys this environment"
    return Wait(
        f"{environment.id.repository_id} does not show {environment.followed}, but its default branch has another "
        "history than before, or `url` another address: restore what was there, or `envmgr approve "
        f"{environment.label}` accepts it as it is now, and {then}.",
        Waits(WaitsFor.HISTORY),
        hold=Guard.HISTORY,
    )


def named_stays(environment: Environment) -> Wait | Rest | None:
    """What a named environment follows went away: it stays as it is, and an older tag waits for a person."""
    if not environment.origin.is_named:
        return None
    offered = _offered(environment)
    applied = environment.applied.commit
    gone = f"Its {environment.followed} is gone: it stays {f'at {applied[:10]}' if applied else 'as it is'}"
    if offered is None:
        return Wait(f"{gone}. {environment.restoring}", Waits(WaitsFor.ORIGIN, (environment.branch,)))
    back = f"goes back to {ref_component(offered.name)} ({offered.commit[:10]})"
    said = f"{gone}. Restore the tag, make a newer one, or `envmgr approve {environment.label}` {back}."
    return _held(environment, offered, said)


def moved_tag(environment: Environment) -> Wait | Rest | None:
    """Its tag leads elsewhere than it did: an attack, or an accident, until a person says that it is meant."""
    offered = _offered(environment)
    if offered is None:
        return None
    moved = f"from {environment.commit[:10]} to {offered.commit[:10]}"
    said = (
        f"Its {environment.followed} was moved {moved}, and is not followed: put the tag back, make a newer one, or "
        f"`envmgr approve {environment.label}` takes it as it is now."
    )
    return _held(environment, offered, said)


def not_promoted(environment: Environment, before: Awaited | None) -> Wait | None:
    """A commit comes here only once those before had it ready; what is here already may be applied again."""
    if before is None or environment.target == environment.applied.commit:
        return None
    return Wait(before.reason, before.waits)


def _held(environment: Environment, offered: Offered, said: str) -> Wait | Rest:
    """Until a person lets it through; then the next look takes it."""
    if environment.hold.approved is Guard.TAG:
        return Rest()
    waits = Waits(WaitsFor.TAG, (environment.branch, offered.name, offered.commit))
    return Wait(said, waits, hold=Guard.TAG)


def _offered(environment: Environment) -> Offered | None:
    return environment.tagged.offered if environment.tagged is not None else None
