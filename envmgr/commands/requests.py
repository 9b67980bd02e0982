"""What is asked for over the network: written down with who wants it, for the daemon to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from envmgr.domain.errors import MeansAnother, NeedsPerson, NotThere
from envmgr.domain.rules.access.held import guarded, shown
from envmgr.domain.rules.access.secrets import kept
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment, Guard
from envmgr.domain.values.names import EnvironmentId

from .access import check, may
from .pipeline.approvals import awaiting, none_waits
from .reading import records_of
from .rollback import previous_commit
from .runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for: of which environment, how, and (`commit`) of which commit she thinks that it is.

    `key` is what she calls it, so that it is written down once however often it is sent. `plan` is the number of the
    request whose plan she has seen, and wants just as it was. `held` stands for what she was shown that waits for a yes.
    """

    environment: EnvironmentId
    action: Action
    options: Mapping[str, Any] = field(default_factory=dict)
    commit: str | None = None
    plan: int | None = None
    key: str | None = None
    held: str | None = None


def ask(runtime: Runtime, asked: Asked) -> Request:
    """Writes down what somebody asks for, unless it is there already: then that, whatever has happened since.

    Raises Forbidden or NotThere where she may not, NeedsPerson where the environment is not as she thinks, and
    MeansAnother where what she calls it is the name of something else.
    """
    identity, asker = asked.environment, runtime.person.asker
    check(runtime, Action.SEE, identity.organization, identity.repository, f"environment {identity}")
    check(runtime, asked.action, identity.organization, identity.repository)
    key = None if asked.key is None else kept(f"{asker}\0{asked.key}")
    said = digest([asked.action, str(identity), asked.options, asked.plan, asked.commit])
    # Before all that depends on how things stand: who asks again, as no answer came, must not be told of a push since.
    before = None if key is None else runtime.services.store.requests.by_key(key)
    return _same(before, said) if before is not None else _written(runtime, asked, key, said)


def _written(runtime: Runtime, asked: Asked, key: str | None, said: str) -> Request:
    identity, services = asked.environment, runtime.services
    records = records_of(runtime, identity)
    now = records[0]
    if asked.commit is not None and asked.commit != now.commit:
        raise NeedsPerson(
            f"{identity} is at {now.commit[:10]}, not at {asked.commit[:10]}: look again, and ask again."
        )
    if asked.held is not None and asked.held != held_of(runtime, records):
        raise NeedsPerson(
            f"What {identity} waits for is not what was shown any more: nothing was done. Look again, and ask again."
        )
    request = Request(
        environment=identity,
        action=asked.action,
        options=_options(runtime, asked, records),
        asker=runtime.person.asker,
        commit=now.commit,
        asked_at=services.clock(),
        key=key,
        digest=said,
    )
    written, is_new = services.store.requests.add(request)
    if is_new:
        services.record(now.id, "asked", f"Asked to {asked.action} it (request {written.id}).")
        runtime.bell.asked()
    # Also of what was just written: of two that come with one key at once only one is.
    return _same(written, said)


def held_of(runtime: Runtime, records: Sequence[Environment]) -> str:
    """What of an environment waits for a yes now, as somebody is shown it: she gives it back with her yes or no."""
    return shown(records, _offered(runtime, records))


def _offered(runtime: Runtime, records: Sequence[Environment]) -> str | None:
    """The commit of another history that waits to be accepted."""
    return runtime.services.store.repository(records[0].id.repository_id).offered_commit


def _same(written: Request, said: str) -> Request:
    """What was written down under a key, where that is what is asked for now."""
    if written.digest != said:
        raise MeansAnother(
            f"This Idempotency-Key was used for something else (request {written.id}): each wish needs its own."
        )
    return written


def follow(runtime: Runtime, number: int) -> Request:
    """What became of a request. Raises NotThere where there is none that may be seen."""
    found = runtime.services.store.requests.get(number)
    if found is None or not may(
        runtime, Action.SEE, found.environment.organization, found.environment.repository
    ):
        raise NotThere(f"There is no request {number}, or you may not see it.")
    return found


def waiting(runtime: Runtime) -> Sequence[Request]:
    """The requests that may be seen and are not over, in the order they were asked for."""
    found = runtime.services.store.requests.pending()
    return [
        r for r in found if may(runtime, Action.SEE, r.environment.organization, r.environment.repository)
    ]


def _options(runtime: Runtime, asked: Asked, records: Sequence[Environment]) -> Mapping[str, Any]:
    """The options as they are done, each meaning what it meant when it was asked for."""
    options = dict(asked.options)
    if options.get("revision") == "previous":
        options["revision"] = previous_commit(runtime.services, records)
    if asked.action is Action.APPROVE:
        guard = next((e.hold.guard for e in records if e.hold.guard is not None), None)
        if guard is None:
            label, status = records[0].label, records[0].status
            raise NeedsPerson(f"{label} is not held back by a guard, it is {status}: nothing was approved.")
        if options.get("guard") not in (None, guard):
            raise NeedsPerson(
                f"{records[0].label} is held back by {guard} now, not by {options['guard']}: nothing was approved. Look again, and ask again."
            )
        options |= {"guard": guard.value, "held": guarded(records, _offered(runtime, records))}
    named = str(options.pop("proposal", ""))
    if named or asked.action is Action.REJECT or options.get("guard") == Guard.APPROVAL:
        options["proposals"] = _proposals(records, named)
    if asked.plan is not None:
        options["plans"] = _plans(runtime, asked)
    return options


def _proposals(records: Sequence[Environment], named: str) -> Mapping[str, str]:
    """By application the digest of the plan that people are to say yes or no to: of all, or of what was `named`."""
    waiting = {e.id.application: p.digest for e in records if (p := awaiting(e)) is not None}
    found = {application: each for application, each in waiting.items() if each.startswith(named)}
    if not found:
        raise NeedsPerson(none_waits(records[0], f"plan {named}" if named else "plan"))
    return found


def _plans(runtime: Runtime, asked: Asked) -> Mapping[str, str]:
    """By application what stands for the plan that somebody has seen."""
    plan = follow(runtime, asked.plan or 0)
    is_right = (
        plan.action is Action.PLAN
        and plan.environment == asked.environment
        and bool(plan.options.get("destroy")) is (asked.action is Action.DESTROY)
        and "revision" not in plan.options
    )
    if not is_right or plan.status is not RequestStatus.SUCCEEDED:
        raise NeedsPerson(
            f"Request {asked.plan} is no plan that can be done as {asked.action} of {asked.environment}: plan again."
        )
    found: Mapping[str, str] = plan.result["plans"]
    return found
