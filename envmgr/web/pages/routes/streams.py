"""The page's stream: that something happened."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from envmgr.web.door import door_of
from envmgr.web.live.readers import Reader
from envmgr.web.sign_in.visitor import Visiting

from .answer import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/live")
async def live(request: Request, visitor: Visiting) -> StreamingResponse:
    """Says that something happened; what that was, each view asks for itself, by who may see it."""
    door = door_of(request)
    return door.streams.answer(Reader(visitor.person), door.news.stream())
