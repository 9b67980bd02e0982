"""Requests: what was asked for, and what became of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from envmgr.commands import requests
from envmgr.views import asking
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import answer, page
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["requests"], route_class=QuickRoute)
Number = Annotated[int, Path(ge=1, le=1 << 62)]


@router.get("/requests", responses=gives("RequestPage", "All requests that are not over, in one page."))
def pending(request: Request, runtime: Asked) -> Response:
    """Lists the requests that wait or are being done, in the order they were asked for."""
    return answer(request, page([asking.request(each) for each in requests.waiting(runtime)], None))


@router.get("/requests/{id}", responses=gives("Request", "The request."))
def one(request: Request, runtime: Asked, id: Number) -> Response:  # noqa: A002  the contract's name
    """Follows a request."""
    return answer(request, asking.request(requests.follow(runtime, id)))
