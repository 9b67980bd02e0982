"""The API's documentation."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from envmgr.web.api.document import described
from envmgr.web.door import door_of
from envmgr.web.pages.documentation import Documentation, documentation
from envmgr.web.sign_in.visitor import look

from .answer import PageRoute, drawn

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_ELSEWHERE = "https://envmgr.example.com"


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """All calls, for whoever asks: it holds nothing that is not in every envmgr's."""
    server = door_of(request).settings.public_url or _ELSEWHERE
    return drawn(request, look(request), "docs.html", docs=_docs(request.app, server))


@cache
def _docs(app: Any, server: str) -> Documentation:
    return documentation(described(app), server)
