"""Doing what was asked for over the network, by the same commands as at the command line, for who asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, Forbidden, Interrupted, LeaseLost, NotThere
from envmgr.domain.rules.access.moved_on import moved_on
from envmgr.domain.rules.access.on_forge import on_forge
from envmgr.domain.rules.access.roles import by_token, signed_in
from envmgr.domain.values.asking.person import Action, Kind, Person, on_host
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment
from envmgr.engine.work.job import NothingDone
from envmgr.host.system import sentences
from envmgr.views import documents

from . import cancellation, operations, promotion, results, rollback, steering
from .pipeline.approvals import approve_plan, reject
from .reading import records_of
from .runtime import Runtime

Result = dict[str, Any]
_PATIENCE = timedelta(minutes=5)
"""How long what was cancelled may take to end until that is told."""
_TEXT = 200_000
"""How much of a plan's text is kept with a request; the run's log has all of it."""


class _MovedOn(EnvmgrError):
    """The world is not any more as it was when this was asked for."""


def asker_of(runtime: Runtime, request: Request) -> Person:
    """Who asked, with the roles of now. Raises NotThere where that was a token that is valid no more."""
    asker = request.asker
    if asker.kind is Kind.PERSON:
        return signed_in(asker.name, asker.groups, runtime.access)
    if asker.kind is Kind.HOST:
        return on_host(asker.name)
    if asker.kind is Kind.FORGE:
        repository = runtime.services.repositories.get(request.environment.repository_id)
        return on_forge(
            asker, request.environment.repository_id, repository.forge_rules.members if repository else {}
        )
    token = next((t for t in runtime.services.store.tokens.all() if t.name == asker.name), None)
    # One made since with the same name is another's.
    if token is None or not token.is_valid(runtime.services.clock()) or token.created_at > request.asked_at:
        raise NotThere(f"The token {asker.name} is not valid any more: nothing was done.")
    return by_token(token, runtime.services.organizations)


def fulfil(runtime: Runtime, request: Request) -> bool:
    """Does what was asked for, if nobody else does, and writes down what became of it; False where it is to wait.

    What is cut short by this process's end, or finds the environment busy, waits again: doing it twice comes to the
    same as doing it once, since each change is planned anew against what is there.
    """
    services = runtime.services
    if not services.store.requests.take(request.id, services.owner, services.clock()):
        return True
    try:
        with sentences():
            result = _done(runtime, request)
    except (EnvironmentBusy, LeaseLost):
        services.store.requests.put_back(request.id, services.owner)
        return False
    except Interrupted as error:
        if services.stopping():
            services.store.requests.put_back(request.id, services.owner)
            return False
        _finish(runtime, request, RequestStatus.REFUSED, str(error))  # somebody cancelled it
    except (_MovedOn, Forbidden, NotThere, NothingDone) as error:
        _finish(runtime, request, RequestStatus.REFUSED, str(error))
    except EnvmgrError as error:
        _finish(runtime, request, RequestStatus.FAILED, str(error))
    # Else it would be begun again for ever: a request that is not over is taken up by whoever finds it.
    except BaseException:
        _finish(runtime, request, RequestStatus.FAILED, "envmgr hit an unexpected error; its log has more.")
        raise
    else:
        _finish(runtime, request, RequestStatus.SUCCEEDED, result.pop("message", ""), result)
    return True


def _finish(
    runtime: Runtime, request: Request, status: RequestStatus, message: str, result: Result | None = None
) -> None:
    services = runtime.services
    organization = services.organizations.get(request.environment.organization)
    if organization is not None and message:
        try:
            message = organization.access().redact(message)
        except EnvmgrError:  # a secret that cannot be read may be in it
            message = "It did not end well; the environment's history says why."
    services.store.requests.finish(request.id, status, services.clock(), message, result or {})


def _done(runtime: Runtime, request: Request) -> Result:
    asking = runtime.asked_by(asker_of(runtime, request))
    records = records_of(asking, request.environment)
    offered = runtime.services.store.repository(request.environment.repository_id).offered_commit
    if said := moved_on(request, records, offered):
        raise _MovedOn(said)
    return _DOES[request.action](_Work(asking, request, records))


@dataclass(slots=True)
class _Work:
    """One request under way: for whom, and the environment's records."""

    runtime: Runtime
    request: Request
    records: Sequence[Environment]
    refused: str = field(default="")

    @property
    def options(self) -> Mapping[str, Any]:
        """How it is asked for."""
        return self.request.options

    def goes_on(self) -> bool:
        """Whether this process is not about to end."""
        return not self.runtime.services.stopping()

    def confirm(self, found: Environment) -> Callable[[str, Plan | None], bool]:
        """Says yes to any plan, or only to the one that was seen, where one was."""
        seen: Mapping[str, str] | None = self.options.get("plans")

        def confirmed(text: str, plan: Plan | None) -> bool:
            if seen is None or seen.get(found.id.application) == _mark(text, plan):
                return True
            self.refused = f"The plan for {found.label} is another now than the one that was shown: nothing was done. Plan again."
            return False

        return confirmed

    def each(self, do: Callable[[Environment], Environment], *, backwards: bool = False) -> Result:
        """Does it to all records, one after the other."""
        done = []
        for found in reversed(self.records) if backwards else self.records:
            try:
                done.append(do(found))
            except NothingDone as error:
                raise _MovedOn(self.refused or str(error)) from error
        return _environments(done)


def _mark(text: str, plan: Plan | None) -> str:
    """What stands for a plan as it is shown."""
    return "" if plan is None else digest(text.rstrip())


def _environments(found: Sequence[Environment]) -> Result:
    return {"environments": [documents.environment(each) for each in found]}


def _plan(work: _Work) -> Result:
    destroys, revision = bool(work.options.get("destroy")), work.options.get("revision")
    overrides = operations.Overrides(
        window=bool(work.options.get("override_window")), freeze=bool(work.options.get("override_freeze"))
    )
    objects, plans = [], dict[str, str]()
    for found in work.records:
        if destroys and found.claim is None:
            why = operations.why_not_ended(work.runtime, found, overrides)
            objects.append({**results.planned(found, None), "text": "", "refused": why or None})
            continue
        # One build is for all applications.
        rebuild = bool(work.options.get("rebuild")) and found is work.records[0]
        shown = operations.plan(
            work.runtime, found, destroy=destroys, revision=revision, rebuild=rebuild, overrides=overrides
        )
        text = shown.text if destroys else "\n".join([shown.text.rstrip(), *shown.warnings])
        plans[found.id.application] = _mark(text, shown.plan)
        objects.append({**results.planned(found, shown), "text": shown.text[:_TEXT]})
    return {"planned": objects, "plans": plans}


def _apply(work: _Work) -> Result:
    return work.each(
        lambda found: operations.apply(
            work.runtime,
            found,
            work.confirm(found),
            override_window=bool(work.options.get("override_window")),
            imports=bool(work.options.get("allow_import")),
            rebuild=bool(work.options.get("rebuild")) and found is work.records[0],
        )
    )


def _destroy(work: _Work) -> Result:
    return work.each(
        lambda found: operations.destroy(
            work.runtime,
            found,
            work.confirm(found),
            override_window=bool(work.options.get("override_window")),
            override_freeze=bool(work.options.get("override_freeze")),
            leaves_code=bool(work.options.get("skip_on_destroy")),
        ),
        backwards=True,
    )


def _rollback(work: _Work) -> Result:
    return work.each(
        lambda found: rollback.roll_back(
            work.runtime,
            found,
            str(work.options["revision"]),
            work.confirm(found),
            until_push=bool(work.options.get("until_push")),
            override_window=bool(work.options.get("override_window")),
        )
    )


def _promote(work: _Work) -> Result:
    goals = {
        each.id: there for each, there in promotion.goals(work.runtime, work.records, str(work.options["to"]))
    }
    return work.each(
        lambda found: promotion.promote(
            work.runtime,
            found,
            goals[found.id],
            work.confirm(goals[found.id]),
            override_window=bool(work.options.get("override_window")),
        )
    )


def _drift(work: _Work) -> Result:
    found = [(each, rollback.look_for_drift(work.runtime, each)) for each in work.records]
    return {"checked": [results.checked(each, drift) for each, drift in found]}


def _suspend(work: _Work) -> Result:
    reason = str(work.options.get("reason") or "")
    return work.each(lambda found: steering.suspend(work.runtime, found, reason))


def _resume(work: _Work) -> Result:
    found = steering.resumable(work.runtime, work.records)
    return _environments([steering.resume(work.runtime, each) for each in found])


def _extend(work: _Work) -> Result:
    duration = timedelta(seconds=float(work.options["seconds"]))
    found = steering.living(work.records)
    done = steering.extend(work.runtime, found, duration, sets_end=bool(work.options.get("set_end")))
    return _environments(done)


def _approve(work: _Work) -> Result:
    guard, plans = work.options["guard"], work.options.get("proposals")
    if plans is not None:
        return _environments([approve_plan(work.runtime, e, plans) for e in work.records if _is_of(e, plans)])
    held = next(e for e in work.records if e.hold.guard == guard)
    return _environments(steering.approve(work.runtime, held))


def _cancel(work: _Work) -> Result:
    at_work = cancellation.at_work(work.runtime, work.records) or work.records[:1]
    done = [cancellation.cancel(work.runtime, each, _PATIENCE, work.goes_on) for each in at_work]
    over = all(each.is_over for each in done)
    said = "" if over else "It was asked to stop, and is still working."
    runs = [documents.run(each.run) if each.run is not None else None for each in done]
    found = _environments([each.environment for each in done])
    return {**found, "runs": runs, "over": over, "message": said}


def _reject(work: _Work) -> Result:
    plans, reason = work.options["proposals"], str(work.options.get("reason") or "")
    return _environments([reject(work.runtime, e, reason, plans) for e in work.records if _is_of(e, plans)])


def _is_of(found: Environment, plans: Mapping[str, str]) -> bool:
    return found.id.application in plans


_DOES: Mapping[Action, Callable[[_Work], Result]] = {
    Action.PLAN: _plan,
    Action.APPLY: _apply,
    Action.DESTROY: _destroy,
    Action.ROLLBACK: _rollback,
    Action.PROMOTE: _promote,
    Action.DRIFT: _drift,
    Action.SUSPEND: _suspend,
    Action.RESUME: _resume,
    Action.EXTEND: _extend,
    Action.APPROVE: _approve,
    Action.CANCEL: _cancel,
    Action.REJECT: _reject,
}
