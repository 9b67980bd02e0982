"""The views beside environments and runs: timeline, activity, promotions, repositories."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import SimpleNamespace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from envmgr.commands import reading
from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import Event, Status
from envmgr.domain.values.names import RepositoryId
from envmgr.web.door import door_of
from envmgr.web.pages.timeline import WINDOWS, timeline
from envmgr.web.sign_in.visitor import Visiting

from .answer import PageRoute, drawn
from .chosen import Number, Words, address, key, wanted

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
    "failed",
    "pushed",
    "resumed",
    "rolled-back",
    "suspended",
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
    return drawn(request, visitor, "promotions.html")


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
    runtime = door_of(request).of(visitor.person)
    found = [_watched(runtime, each) for each in reading.repositories(runtime)]
    return drawn(request, visitor, "repositories.html", repositories=found)


def _watched(runtime: Runtime, found: reading.Watched) -> Watched:
    ask = wanted(runtime.person, organization=found.id.organization, repository=found.id.name)
    counts = runtime.services.store.pages.counts(ask)
    number = sum(n for status, n in counts.items() if status is not Status.DESTROYED)
    return Watched(found.id, found.branches, number, found.state.succeeded_at, found.state.error)
