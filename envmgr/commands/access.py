"""Who may ask for what: looked at here, once, whichever door somebody comes through."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from envmgr.domain.errors import Forbidden, NeedsPerson, NotThere
from envmgr.domain.rules.access import roles
from envmgr.domain.rules.access.roles import Invisible
from envmgr.domain.values.asking.person import Action, place_name
from envmgr.domain.values.environment import Environment

from .runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", Environment, Sequence[Environment])

NEEDED: dict[str, Action] = {}
"""What each command that was imported needs, by its full name."""

_BY_TIME = frozenset(
    {Action.EXTEND, Action.SUSPEND, Action.RESUME, Action.APPROVE, Action.FREEZE, Action.TOKENS}
)
"""What is written with a time by which others then decide, and takes no lease."""

_Command = Callable[Concatenate[Runtime, E, P], R]


def needs(action: Action) -> Callable[[_Command[E, P, R]], _Command[E, P, R]]:
    """Makes a command of a runtime and environments one that is refused to who may not do that to each of them.

    Who asks is the runtime's person. The command then raises Forbidden, or NotThere where she may not know of it.
    """

    def guard(command: _Command[E, P, R]) -> _Command[E, P, R]:
        @wraps(command)
        def guarded(runtime: Runtime, asked: Any, *arguments: Any, **options: Any) -> Any:
            for each in (asked,) if isinstance(asked, Environment) else asked:
                check(runtime, action, each.id.organization, each.id.repository, str(each.id))
            return command(runtime, asked, *arguments, **options)

        NEEDED[f"{command.__module__}.{command.__qualname__}"] = action
        return cast("_Command[E, P, R]", guarded)

    return guard


def check(
    runtime: Runtime, action: Action, organization: str, repository: str | None = None, what: str = ""
) -> None:
    """Refuses what the runtime's person may not do there; `what` is how messages name it.

    So it does what depends on the time, for all, where the clock of this host is wrong.
    """
    person = runtime.person
    place = place_name(organization, repository)
    answer = roles.may(person, action, organization, repository)
    if isinstance(answer, Invisible) and repository is None and not what:
        # She may well see something of it: a role in one of its repositories is none in the organization.
        raise NotThere(f"There is no organization {organization}, or you have no role in it as a whole.")
    if isinstance(answer, Invisible):
        raise NotThere(f"There is no {what or place}, or you may not see it.")
    if isinstance(answer, roles.Forbidden):
        raise Forbidden(
            f"You ({person.asker}) may not do that in {place} ({action}): it takes the role {answer.needed} there.",
            answer.needed,
        )
    if action in _BY_TIME and (why := runtime.services.fleet.wrong_clock()):
        raise NeedsPerson(why)


def may(runtime: Runtime, action: Action, organization: str, repository: str | None = None) -> bool:
    """Whether the runtime's person may do it there."""
    return isinstance(roles.may(runtime.person, action, organization, repository), roles.Allowed)
