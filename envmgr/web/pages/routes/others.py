"""The views beside environments and runs: timeline, activity, promotions, repositories."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import SimpleNamespace
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from envmgr.commands import freezing, promotion, reading
from envmgr.commands.access import may
from envmgr.commands.freezing import Spot
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.times import read_moment
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Event, Status
from envmgr.domain.values.names import RepositoryId
from envmgr.web.door import door_of
from envmgr.web.pages.timeline import WINDOWS, timeline
from envmgr.web.problems import of_error
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn, seen_again
from .chosen import Number, Words, address, key, wanted

Filled = Annotated[str, Form(max_length=500)]

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_EVENTS = 100
_RUNS = 500
_LANES = 60
ACTIONS = (
    "applied",
    "approved",
    "deployed",
    "destroyed",
    "drift",
    "extended",
    "frozen",
    "failed",
    "pushed",
    "resumed",
    "rolled-back",
    "suspended",
    "thawed",
    "token-created",
    "token-revoked",
    "unhealthy",
    "waiting",
)
"""Events that people look for; all others are among all of them."""


@router.get("/timeline", response_class=HTMLResponse)
def runs_over_time(
    request: Request,
    visitor: Visiting,
    window: Annotated[Literal["1h", "6h", "1d", "7d"], Query()] = "1d",
    q: Words = "",
) -> HTMLResponse:
    """Runs as bars."""
    door = door_of(request)
    store, now = door.runtime.services.store, door.now
    found = store.pages.runs(wanted(visitor.person, text=q, limit=_RUNS), None)
    picture = timeline(found, now, WINDOWS[window], _LANES)
    drawn_runs = {bar.run.id for lane in picture.lanes for bar in lane.bars}
    return drawn(
        request,
        visitor,
        "timeline.html",
        picture=picture,
        windows=list(WINDOWS),
        window=window,
        q=q,
        runs=[run for run in found if run.id in drawn_runs],
    )


@router.get("/activity", response_class=HTMLResponse)
def activity(
    request: Request, visitor: Visiting, environment: Words = "", action: Words = "", before: Number = None
) -> HTMLResponse:
    """Who did what."""
    named = key(environment.partition(":")[0])
    filters = (
        dict(zip(("organization", "repository", "name"), named, strict=True))
        if named
        else {"text": environment}
    )
    ask = wanted(visitor.person, status=action, limit=_EVENTS + 1, **filters)
    found = door_of(request).runtime.services.store.pages.events(ask, before)
    chosen = {"environment": environment, "action": action}
    return drawn(
        request,
        visitor,
        "activity.html",
        days=list(_days(found[:_EVENTS])),
        chosen=SimpleNamespace(**chosen),
        actions=ACTIONS,
        next=address("/activity", **chosen, before=found[_EVENTS - 1].id) if len(found) > _EVENTS else "",
    )


def _days(events: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    for day, some in groupby(events, lambda event: event.at.date()):
        yield f"{day:%A}, {day.day} {day:%B %Y}", list(some)


@router.get("/promotions", response_class=HTMLResponse)
def promotions(request: Request, visitor: Visiting) -> HTMLResponse:
    """Commits on their way from one environment to the next."""
    runtime = door_of(request).of(visitor.person)
    return drawn(request, visitor, "promotions.html", ways=promotion.ways(runtime))


@dataclass(frozen=True, slots=True)
class Watched:
    """A repository, when it was last seen, and how many environments it has."""

    id: RepositoryId
    branches: Sequence[str]
    environments: int
    seen_at: datetime | None
    error: str


@router.get("/repositories", response_class=HTMLResponse)
def repositories(request: Request, visitor: Visiting) -> HTMLResponse:
    """Those of the configuration: whether they are reached, and when they were last looked at."""
    return _repositories(request, visitor, door_of(request).of(visitor.person))


@router.post("/repositories/freeze", response_class=HTMLResponse)
def freeze(
    request: Request, visitor: Visiting, place: Filled, reason: Filled, until: Filled = ""
) -> Response:
    """Freezes a place; what cannot be is said above the list."""
    runtime = door_of(request).of(visitor.person)
    try:
        freezing.freeze(runtime, _spot(runtime, place), reason, _end(until.strip(), runtime))
    except EnvmgrError as error:
        return _repositories(request, visitor, runtime, str(error), of_error(error).status)
    return seen_again("/repositories")


@router.post("/repositories/thaw", response_class=HTMLResponse)
def thaw(request: Request, visitor: Visiting, place: Filled) -> Response:
    """Thaws a place."""
    runtime = door_of(request).of(visitor.person)
    try:
        freezing.thaw(runtime, _spot(runtime, place))
    except EnvmgrError as error:
        return _repositories(request, visitor, runtime, str(error), of_error(error).status)
    return seen_again("/repositories")


def _spot(runtime: Runtime, place: str) -> Spot:
    (spot,) = freezing.spots(runtime, place)
    return spot


def _end(text: str, runtime: Runtime) -> datetime | None:
    return read_moment(text, runtime.services.clock(), "When it ends cannot be read") if text else None


def _repositories(
    request: Request, visitor: Visitor, runtime: Runtime, problem: str = "", status: int = 200
) -> HTMLResponse:
    watched, frozen = reading.repositories(runtime), freezing.frozen(runtime)
    spots = [Spot(name) for name in reading.organizations(runtime)]
    spots += [Spot(each.id.organization, each.id.name) for each in watched]
    return drawn(
        request,
        visitor,
        "repositories.html",
        status=status,
        repositories=[_watched(runtime, each) for each in watched],
        freezes=frozen,
        thawable=[
            f for f in frozen if not f.in_file and may(runtime, Action.THAW, f.organization, f.repository)
        ],
        places=[s for s in spots if may(runtime, Action.FREEZE, s.organization, s.repository)],
        problem=problem,
    )


def _watched(runtime: Runtime, found: reading.Watched) -> Watched:
    ask = wanted(runtime.person, organization=found.id.organization, repository=found.id.name)
    counts = runtime.services.store.pages.counts(ask)
    number = sum(n for status, n in counts.items() if status is not Status.DESTROYED)
    return Watched(found.id, found.branches, number, found.state.succeeded_at, found.state.error)
