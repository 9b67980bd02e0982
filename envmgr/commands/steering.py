"""What a person says of an environment, for the next pass to act upon: nothing here starts Terraform."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from envmgr.config.sections.duration import format_duration
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.access.held import held as held_for
from envmgr.domain.rules.access.held import is_held
from envmgr.domain.rules.decide import is_scheduled_down
from envmgr.domain.rules.transitions import Change, wishes
from envmgr.domain.rules.transitions.applies import brought_up
from envmgr.domain.rules.warning import newest_warning
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Environment, Event, Guard, Status
from envmgr.domain.values.names import EnvironmentId, ref_component
from envmgr.engine.context import by_hand
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.engine.source.desired import branch_ttl
from envmgr.views.visible import escaped

from .access import needs
from .pipeline.approvals import approve_plan
from .runtime import Runtime


@needs(Action.SUSPEND)
def suspend(runtime: Runtime, environment: Environment, reason: str = "") -> Environment:
    """Leaves an environment alone until it is resumed; what is running goes on to its end. `reason` is told with it."""
    said = " ".join(escaped(reason).split())  # a stranger's words: one line, that steers no terminal
    services, why = runtime.services, f" ({said})" if said else ""
    because = f"Suspended by {services.actor}{why}; `envmgr resume {environment.label}` manages it again."
    event, now = services.event(environment.id, "suspended", because), services.clock()
    return _say(services, environment.id, lambda e: wishes.suspended(e, because, now), event)


def _say(services: Services, identity: EnvironmentId, change: Change, event: Event) -> Environment:
    """Writes what a person said, with its event, and keeps it beside the state."""
    said = services.store.update(identity, None, services.clock(), change, event)
    by_hand.keep(services, identity)
    return said


@needs(Action.RESUME)
def resume(runtime: Runtime, environment: Environment) -> Environment:
    """Manages an environment again; the next pass brings it to its branch's newest commit.

    It lives anew from now, unless all that ends is a rollback's hold. Raises NeedsPerson where nothing held it.
    """
    services = runtime.services
    repository, now = services.configured(environment.id), services.clock()
    comes_up = _is_to_come_up(repository, environment, now)
    if not comes_up and environment.pin is None:
        raise NeedsPerson(f"{environment.label} is not suspended, it is {environment.status}.")
    life = _new_life(services, repository, environment, now) if comes_up else _as_it_is
    event = services.event(environment.id, "resumed", "Managed again.")
    return _say(services, environment.id, lambda e: wishes.resumed(life(e)), event)


def _is_to_come_up(repository: Repository | None, environment: Environment, now: datetime) -> bool:
    """Whether `resume` has anything to bring up: what is suspended or failed, or is down by its schedule."""
    if environment.suspended or environment.status is Status.FAILED:
        return True
    return repository is not None and is_scheduled_down(
        environment, repository.policy_for(environment, None, now), now
    )


def _new_life(
    services: Services, repository: Repository | None, environment: Environment, now: datetime
) -> Change:
    if repository is None:
        return lambda e: brought_up(e, now)
    ttl, wanted = repository.ttl_of(environment), branch_ttl(services, repository, environment)
    return lambda e: wishes.lives_until(brought_up(e, now), ttl.end(now, wanted, e.life.expires_at)[0], None)


def _as_it_is(environment: Environment) -> Environment:
    return environment


def held(runtime: Runtime) -> list[Environment]:
    """The environments that a guard holds back until a person approves."""
    return [e for e in runtime.services.store.environments() if is_held(e)]


@needs(Action.APPROVE)
def approve(runtime: Runtime, environment: Environment) -> list[Environment]:
    """Lets an environment through the guard that holds it; all its applications, where the guard counts environments."""
    services, guard = runtime.services, environment.hold.guard
    if guard is Guard.APPROVAL:
        return [approve_plan(runtime, environment)]
    if guard is None:
        raise NeedsPerson(f"{environment.label} is not held back by a guard, it is {environment.status}.")
    said = f"Approved despite {guard} ({_what_then(environment, guard)})."
    asked = {e.id: held_for(e) for e in (environment, *_others(services, environment.id, guard))}

    def change(record: Environment) -> Environment:
        is_other = is_held(record) and asked[record.id] != held_for(record)
        if is_other or (record.id == environment.id and record.hold.guard is not guard):
            raise NeedsPerson(
                f"{record.label} is not held back any more by what was shown: nothing was approved. Look again, and ask again."
            )
        return wishes.let_through(record, guard)

    return [
        _say(services, identity, change, services.event(identity, "approved", said)) for identity in asked
    ]


def _others(services: Services, identity: EnvironmentId, guard: Guard) -> list[Environment]:
    """The other applications that go through a guard with one."""
    if guard is Guard.DRIFT or not identity.application:
        return []
    records = services.store.environments(repository=identity.repository_id, name=identity.name)
    return [e for e in records if e.id != identity]


@needs(Action.SEE)
def resumable(runtime: Runtime, environments: Sequence[Environment]) -> Sequence[Environment]:
    """Those of an environment's applications that there is anything to resume of; the first, where there is of none."""
    now = runtime.services.clock()
    repository = runtime.services.configured(environments[0].id)
    held = [e for e in environments if e.pin is not None or _is_to_come_up(repository, e, now)]
    return held or environments[:1]


def living(environments: Sequence[Environment]) -> Sequence[Environment]:
    """Those of an environment's applications that are there; the first, where none is."""
    return [e for e in environments if e.claim is not None or e.life.expires_at is not None] or environments[
        :1
    ]


@needs(Action.EXTEND)
def extend(
    runtime: Runtime,
    environments: Sequence[Environment],
    duration: timedelta,
    *,
    sets_end: bool = False,
) -> Sequence[Environment]:
    """Moves the end of an environment's life to `duration` from now, at most `ttl.max` from now; never nearer.

    All its applications, or none of them. One without an end is refused, unless `sets_end` says that it is to
    have one, until the next push. Raises NeedsPerson.
    """
    ends = runtime.services.clock() + duration
    for environment in environments:
        _check_may_live(runtime.services, environment, duration)
        _check_later(environment, ends, sets_end=sets_end)
    return [_live_until(runtime.services, environment, ends) for environment in environments]


def _check_may_live(services: Services, environment: Environment, duration: timedelta) -> None:
    """Refuses a life that the rules do not allow, or know no end of."""
    repository = services.configured(environment.id)
    if repository is not None and repository.ttl.max is not None and duration > repository.ttl.max:
        raise NeedsPerson(
            f"{environment.label} may live at most {format_duration(repository.ttl.max)} from now (ttl.max): give a shorter time."
        )
    if repository is not None and repository.is_protected(environment):
        raise NeedsPerson(f"{environment.label} is protected: it never expires.")


def _live_until(services: Services, environment: Environment, ends: datetime) -> Environment:
    repository, now = services.configured(environment.id), services.clock()
    # Whoever extends it knows the end: warning times that are over by then are told.
    told = newest_warning(ends, repository.policy, now) if repository is not None else None
    event = services.event(environment.id, "extended", f"Lives until {ends:%Y-%m-%d %H:%M} UTC.")
    return _say(services, environment.id, lambda e: wishes.extended(e, ends, told, now), event)


def _check_later(environment: Environment, ends: datetime, *, sets_end: bool) -> None:
    """Refuses an end that is no extension: nearer than what was promised, or where there was none at all."""
    before = environment.life.expires_at
    if before is None and environment.claim is None:
        raise NeedsPerson(f"{environment.label} is {environment.status}: it has no lifetime to extend.")
    if before is None and not sets_end:
        raise NeedsPerson(
            f"{environment.label} has no end: it lives as long as its branch, so there is nothing to extend. To give it "
            "an end on purpose, add --set-end."
        )
    if before is not None and ends <= before:
        raise NeedsPerson(
            f"{environment.label} lives until {before:%Y-%m-%d %H:%M} UTC anyway: give a longer time."
        )


def _what_then(environment: Environment, hold: Guard) -> str:
    offered = environment.tagged.offered if environment.tagged is not None else None
    if hold is Guard.HISTORY and environment.origin.is_named:
        return "the repository's history is accepted as it is now, and followed"
    return {
        Guard.MASS_DESTROY: "it is destroyed",
        Guard.HISTORY: "the repository's history is accepted as it is now, and it is destroyed",
        Guard.LIMIT: "it is created",
        Guard.DRIFT: "its drift is corrected",
        Guard.TAG: f"it gets {ref_component(offered.name)} at {offered.commit[:10]}" if offered else "",
        Guard.APPROVAL: "its plan is applied",
    }[hold]
