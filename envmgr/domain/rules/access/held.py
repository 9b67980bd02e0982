"""What a yes is said to: a guard with what it is about, as a person was shown it. Another one has to be said anew."""

from collections.abc import Mapping, Sequence

from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment, Guard


def is_held(environment: Environment) -> bool:
    """Whether a guard holds it back that nobody has let it through yet."""
    return environment.hold.guard is not None and environment.hold.approved is not environment.hold.guard


def held(environment: Environment, offered: str | None = None) -> str:
    """The same for as long as the guard is, and what it is about; empty where none holds it.

    `offered` is the commit of the other history that waits to be accepted.
    """
    guard, about = environment.hold.guard, list[object]()
    if guard is None:
        return ""
    if guard is Guard.APPROVAL and environment.proposal is not None:
        about = [environment.proposal.digest]
    elif guard is Guard.DRIFT and environment.drift is not None:
        about = [[each.address, each.action] for each in environment.drift.differences]
    elif guard is Guard.TAG and environment.tagged is not None and environment.tagged.offered is not None:
        about = [environment.tagged.offered.name, environment.tagged.offered.commit]
    elif guard is Guard.HISTORY:
        about = [offered]
    return digest([guard, environment.target, about])


def shown(records: Sequence[Environment], offered: str | None) -> str:
    """What of an environment's records waits for a yes, as they are shown together."""
    return digest([[e.id.application, held(e, offered)] for e in records if is_held(e)])


def guarded(records: Sequence[Environment], offered: str | None) -> Mapping[str, str]:
    """By application what a guard holds: of plans each has its own digest, so they are left out."""
    waiting = [e for e in records if is_held(e) and e.hold.guard is not Guard.APPROVAL]
    return {e.id.application: held(e, offered) for e in waiting}


def is_another(records: Sequence[Environment], asked: Mapping[str, str], offered: str | None) -> bool:
    """Whether any that is still held is held for something else than when somebody asked; what has gone on since is not."""
    waiting = [e for e in records if is_held(e) and e.id.application in asked]
    return any(held(e, offered) != asked[e.id.application] for e in waiting)
