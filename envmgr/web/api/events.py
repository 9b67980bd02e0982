"""Events: all that happens, page by page and live."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from envmgr.commands import reading
from envmgr.domain.values.environment import Event
from envmgr.ports.pages import Wanted
from envmgr.views import documents
from envmgr.web.door import door_of
from envmgr.web.identity import Asked, reader
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import After, SoughtOf, Word, answer, cursor, page, read_number
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["events"], route_class=QuickRoute)

Last = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern="^[0-9]{1,18}$", description="Where a stream that broke goes on."),
]


async def _with_action(wanted: SoughtOf, action: Word = None) -> Wanted:
    return replace(wanted, status=action)


WithAction = Annotated[Wanted, Depends(_with_action)]


def _answers() -> dict[int | str, Any]:
    found = gives(
        "EventPage", "A page of events, newest first; with `follow` server-sent events as they happen."
    )
    found[200]["content"]["text/event-stream"] = {
        "schema": {"type": "string"},
        "example": 'id: 4711\ndata: {"id":4711,"action":"applied", …}\n\n',
    }
    return found


@router.get("/events", responses=_answers())
def listed(
    request: Request,
    runtime: Asked,
    wanted: WithAction,
    after: After = None,
    follow: Annotated[
        bool, Query(description="All that happens from now on, as server-sent events.")
    ] = False,
    last: Last = None,
) -> Response:
    """Lists events, newest first; or follows them."""
    if follow:

        def passes(event: Event) -> bool:
            return reading.is_seen(runtime, event) and _is_wanted(event, wanted)

        door = door_of(request)
        events = door.events.stream(int(last) if last is not None else None, passes)
        return door.streams.answer(reader(request, runtime.person), events)
    found, limit = reading.events(runtime, wanted, read_number(after)), wanted.limit - 1
    following = cursor(found[limit - 1].id) if len(found) > limit else None
    return answer(request, page([documents.event(each) for each in found[:limit]], following))


def _is_wanted(event: Event, wanted: Wanted) -> bool:
    of = event.environment
    filters = (wanted.organization, wanted.repository, wanted.name)
    is_ = (*(event.place or (None, None)), None) if of is None else (of.organization, of.repository, of.name)
    is_there = all(w in (None, value) for w, value in zip(filters, is_, strict=True))
    return (
        is_there
        and wanted.status in (None, event.action)
        and (wanted.text or "").lower() in event.message.lower()
    )
