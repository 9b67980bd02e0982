"""`GET /metrics`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from envmgr.domain.values.asking.person import Person
from envmgr.web.door import door_of
from envmgr.web.identity import asker

router = APIRouter(include_in_schema=False)


def told(request: Request) -> Person | None:
    """Of whose environments the figures are told: None for those of all, as settings may say; else who asks."""
    settings = door_of(request).settings
    if not settings.metrics:
        raise HTTPException(404, "Nothing is there: `server: {metrics: true}` turns /metrics on.")
    return None if settings.metrics is True else asker(request)


@router.get("/metrics")
def metrics(request: Request, person: Annotated[Person | None, Depends(told)]) -> Response:
    """The figures, as the scraper says that it takes them."""
    accept = request.headers.get("accept", "")
    content, media_type = request.app.state.scrapes.answer(door_of(request).runtime, person, accept)
    return Response(content, media_type=media_type)
