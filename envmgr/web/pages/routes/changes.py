"""What may be asked for at an environment's page: first a question, then a request that is followed."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from envmgr.commands import requests
from envmgr.commands.access import check, may
from envmgr.commands.reading import records_of
from envmgr.commands.requests import Asked, ask, held_of
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.duration import read_duration
from envmgr.domain.errors import NeedsPerson, NotThere, UsageError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.asking.request import Request as Wish
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import EnvironmentId
from envmgr.web.door import door_of
from envmgr.web.pages import plan
from envmgr.web.pages.actions import ASKED_FIRST, NAME, Field, Question, question
from envmgr.web.problems import of_error
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn, seen_again
from .chosen import Identity

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PATH = "/environments/{organization}/{repository}/{name}/{verb}"
_Text = Annotated[str, Form(max_length=200)]
_AT_ONCE = (Action.PLAN, Action.DRIFT, Action.RESUME)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form says: the commit that was `seen`, what was `held`, the form's own `key`, the `plan` to be done, and its `fields`."""

    seen: str
    held: str
    key: str
    plan: int | None
    fields: Mapping[str, str]


@router.get(_PATH, response_class=HTMLResponse)
def asked_first(
    request: Request, visitor: Visiting, organization: str, repository: str, name: str, verb: str
) -> HTMLResponse:
    """What will happen, and a button that has it happen."""
    runtime, action = door_of(request).of(visitor.person), _action(verb, ASKED_FIRST)
    records = records_of(runtime, EnvironmentId(organization, repository, name))
    check(runtime, action, organization, repository)
    found = _question(runtime, action, records)
    return drawn(request, visitor, "question.html", question=found)


@router.post(_PATH)
async def wanted(
    request: Request, visitor: Visiting, organization: str, repository: str, name: str, verb: str
) -> Response:
    """Writes down what is asked for; what cannot be is said beside the question."""
    form = await request.form()
    fields = {key: value[:200] for key, value in form.items() if isinstance(value, str)}
    number = fields.get("plan", "")
    filled = Filled(
        seen=fields.get("seen", ""),
        held=fields.get("held", ""),
        key=fields.get("key", ""),
        plan=int(number) if number.isdecimal() and len(number) < 18 else None,
        fields=fields,
    )
    identity, action = EnvironmentId(organization, repository, name), _action(verb, (*ASKED_FIRST, *_AT_ONCE))
    runtime = door_of(request).of(visitor.person)
    return await run_in_threadpool(_ask, _Asking(request, visitor, runtime, identity, action), filled)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks for what, and where."""

    request: Request
    visitor: Visitor
    runtime: Runtime
    identity: EnvironmentId
    action: Action


def _ask(asking: _Asking, filled: Filled) -> Response:
    runtime, identity, action = asking.runtime, asking.identity, asking.action
    records = records_of(runtime, identity)
    check(runtime, action, identity.organization, identity.repository)
    try:
        written = ask(
            runtime,
            Asked(
                environment=identity,
                action=action,
                options=_options(action, identity, filled.fields),
                commit=filled.seen or None,
                plan=filled.plan,
                key=filled.key or None,
                held=filled.held or None,
            ),
        )
    except (UsageError, NeedsPerson) as error:
        if action not in ASKED_FIRST or isinstance(error, NotThere):
            raise
        found = _question(runtime, action, records, str(error))
        return drawn(
            asking.request, asking.visitor, "question.html", status=of_error(error).status, question=found
        )
    return seen_again(f"/requests/{written.id}")


def _question(
    runtime: Runtime, action: Action, records: Sequence[Environment], problem: str = ""
) -> Question:
    """What is asked, and what stands in the form for what is shown."""
    builds, held = _builds(runtime, records[0].id), held_of(runtime, records)
    return question(action, records, secrets.token_urlsafe(16), problem, builds=builds, held=held)


def _builds(runtime: Runtime, identity: EnvironmentId) -> bool:
    """Whether anything is built of its commits."""
    found = runtime.services.configured(identity)
    return found is not None and bool(found.build)


def _action(verb: str, among: Sequence[Action]) -> Action:
    found = next((action for action in among if action.value == verb), None)
    if found is None:
        raise NotThere(f"There is nothing called {verb[:40]!r} that may be asked for here.")
    return found


def _options(action: Action, identity: EnvironmentId, fields: Mapping[str, str]) -> Mapping[str, Any]:
    """What a form says of how it is wanted. Raises UsageError."""
    match action:
        case Action.PLAN | Action.APPLY:
            is_end = action is Action.PLAN and fields.get("for") == Action.DESTROY
            asked = {"destroy": is_end, "rebuild": action is Action.APPLY and bool(fields.get("rebuild"))}
            return {name: True for name, is_so in asked.items() if is_so}
        case Action.EXTEND:
            return {"seconds": _seconds(fields.get("duration", ""))}
        case Action.ROLLBACK:
            return {"revision": fields.get("to", "").strip() or "previous"}
        case Action.PROMOTE:
            return {"to": fields.get("to", "").strip()[:32]}
        case Action.SUSPEND | Action.REJECT:
            reason = fields.get("reason", "").strip()
            return {"reason": reason} if reason else {}
        case Action.DESTROY if fields.get("name", "").strip() != identity.name:
            raise UsageError(f"To destroy it, type its name: {identity.name}.")
        case _:
            return {}


def _seconds(text: str) -> float:
    seconds = read_duration(text, "How long cannot be read").total_seconds()
    if seconds <= 0:
        raise UsageError("It must live longer than nothing from now on: give 8h or 3d.")
    return seconds


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a plan would do with one application."""

    application: str
    run: int | None
    counts: Mapping[str, int] | None
    warnings: Sequence[str]
    refused: str
    changes: Sequence[plan.Change]


@dataclass(frozen=True, slots=True)
class _Doing:
    """Having a plan done that was seen."""

    verb: str
    button: str
    fields: Sequence[Field]


@router.get("/requests/{number}", response_class=HTMLResponse)
def followed(request: Request, visitor: Visiting, number: Identity) -> HTMLResponse:
    """What became of a request; of a plan, its changes, and a button that has just that plan done."""
    runtime = door_of(request).of(visitor.person)
    found = requests.follow(runtime, number)
    plans = [_planned(each) for each in found.result.get("planned", ())]
    return drawn(
        request,
        visitor,
        "request.html",
        asked=found,
        plans=plans,
        done=_doing(runtime, found)
        if any(e.changes for e in plans) and not any(e.refused for e in plans)
        else None,
        environments=found.result.get("environments", ()),
    )


def _planned(found: Mapping[str, Any]) -> _Planned:
    return _Planned(
        application=found.get("application") or "",
        run=found.get("run"),
        counts=found.get("changes"),
        warnings=found.get("warnings") or (),
        refused=found.get("refused") or "",
        changes=plan.changes(found.get("text") or ""),
    )


def _doing(runtime: Runtime, found: Wish) -> _Doing | None:
    action = Action.DESTROY if found.options.get("destroy") else Action.APPLY
    identity = found.environment
    if found.status is not RequestStatus.SUCCEEDED or not may(
        runtime, action, identity.organization, identity.repository
    ):
        return None
    if action is Action.DESTROY:
        return _Doing(action.value, "Destroy just this", (NAME,))
    return _Doing(action.value, "Apply this plan", ())
