"""How many environments may come and go together; beyond that a person lets each of them through."""

from envmgr.domain.values.decision import Wait
from envmgr.domain.values.environment import Environment, Guard, Waits, WaitsFor
from envmgr.domain.values.names import counted


def too_many_leave(environment: Environment, limit: int, leaving: int) -> Wait | None:
    """More went away together than may be destroyed at once."""
    if environment.hold.approved is Guard.MASS_DESTROY:
        return None
    # Once held it stays held: as others are approved, the rest would else slip under the limit one by one.
    if environment.hold.guard is not Guard.MASS_DESTROY and leaving <= limit:
        return None
    went, back = "Branches", "restore the branch"
    if not environment.origin.follows_pattern:
        went, back = "Branches or pull requests", "reopen the pull request"
    return Wait(
        f"{went} of {environment.id.repository_id} went away together, more than destroy.max_at_once "
        f"({limit}): `envmgr approve {environment.label}` destroys it, or {back}.",
        Waits(WaitsFor.MASS_DESTROY, (str(limit),)),
        hold=Guard.MASS_DESTROY,
    )


def over_the_limit(environment: Environment, limit: int, active: int) -> Wait | None:
    """The organization has as many as it may have, and this one would be one more."""
    if environment.claim is not None or environment.hold.approved is Guard.LIMIT or active < limit:
        return None
    return Wait(
        f"{environment.id.organization} has {counted(active, 'environment')}, its limits.environments is "
        f"{limit}: delete a branch, raise the limit, or `envmgr approve {environment.label}`.",
        Waits(WaitsFor.LIMIT, (str(active), str(limit))),
        hold=Guard.LIMIT,
    )
