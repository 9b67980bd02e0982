"""How views are answered: as whole pages, with what browsers may do with them, and failures as pages as well."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from envmgr import __version__
from envmgr.domain.errors import EnvmgrError
from envmgr.web.door import door_of
from envmgr.web.pages.drawing import draw
from envmgr.web.problems import of_error, of_http
from envmgr.web.quick import PREFIX, QuickRoute
from envmgr.web.sign_in.visitor import FORM_COOKIE, Visitor, look

VIEWS = (
    ("/", "Environments"),
    ("/timeline", "Timeline"),
    ("/activity", "Activity"),
    ("/promotions", "Promotions"),
    ("/repositories", "Repositories"),
    ("/tokens", "Tokens"),
)
"""The views that every page leads to."""
HOSTS = ("/hosts", "Hosts")
"""The one that pages lead to where there are several hosts."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What a browser may do with a page: run and show what comes from here, and nothing that stands in the page itself."""


def drawn(
    request: Request, visitor: Visitor | None, template: str, *, status: int = 200, **facts: object
) -> HTMLResponse:
    """A view for somebody; None for who is not known yet."""
    frame = {
        "visitor": visitor,
        "views": _views(request),
        "version": __version__,
        "here": request.url.path,
        "here_in_full": _in_full(request),
    }
    html = draw(template, door_of(request).now, {**frame, **facts})
    response = HTMLResponse(html, status, {"Content-Security-Policy": POLICY, "Vary": "Cookie"})
    secret = getattr(request.state, "form_secret", "")
    if secret:
        response.set_cookie(FORM_COOKIE, secret, path="/", secure=True, httponly=True, samesite="strict")
    return response


def _views(request: Request) -> tuple[tuple[str, str], ...]:
    """Nobody with one host has to wonder about hosts."""
    fleet = door_of(request).runtime.services.fleet
    return (*VIEWS, HOSTS) if fleet.has_company or request.url.path == HOSTS[0] else VIEWS


def _in_full(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def seen_again(address: str) -> RedirectResponse:
    """Leads to a view after something was done."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


class PageRoute(QuickRoute):
    """A route whose failures are pages: who is not signed in is led to where one does that."""

    def quick(self, request: Request) -> Response:
        """The answer of one that only reads, with that."""
        try:
            return super().quick(request)
        except _FAILURES as error:
            return _told(request, error)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, with that."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except _FAILURES as error:
                return await run_in_threadpool(_told, request, error)

        return answered


_FAILURES = (HTTPException, RequestValidationError, EnvmgrError)


def _told(request: Request, error: Exception) -> Response:
    if isinstance(error, EnvmgrError):
        found = of_error(error)
        return failed(request, found.status, found.detail)
    if not isinstance(error, HTTPException):
        return failed(request, 422, "This address, or what was filled in, cannot be understood.")
    if error.status_code != HTTPStatus.UNAUTHORIZED:
        return failed(request, error.status_code, str(error.detail))
    if "text/event-stream" in request.headers.get("accept", ""):
        # Who has just signed out in a page that still listens: a stream led to a page is an error there.
        return Response(status_code=HTTPStatus.NO_CONTENT)
    if request.headers.get("hx-request") == "true":
        # A view that asks for itself anew would take what it needs from the sign-in, and find nothing of it there.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"})
    return RedirectResponse(f"/sign-in?next={quote(_in_full(request), safe='')}", HTTPStatus.SEE_OTHER)


def tell_pages(app: FastAPI) -> None:
    """Has an address at which there is nothing be told to browsers as a page, to all others as a problem document."""

    @app.exception_handler(HTTPStatus.NOT_FOUND)
    def nothing(request: Request, error: HTTPException) -> Response:
        is_browser = "text/html" in request.headers.get("accept", "")
        if not is_browser or request.url.path.startswith(f"{PREFIX}/"):
            return of_http(error)
        return failed(request, HTTPStatus.NOT_FOUND, "There is no such page.")


def failed(request: Request, status: int, detail: str) -> HTMLResponse:
    """A failure as a page."""
    title = HTTPStatus(status).phrase
    return drawn(request, look(request), "problem.html", status=status, title=title, detail=detail)
