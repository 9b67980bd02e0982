"""Routes that are answered in one go: who asks, what she asks for and the answer are found in one thread.

FastAPI goes to a thread and back for each of them, and past a dozen layers that nothing here uses: that costs more processor
time than most answers. What a route takes and says, and its description, are FastAPI's all the same.
"""

from collections.abc import Coroutine
from inspect import iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .door import door_of

PREFIX = "/api/v1"
"""What all addresses of the API begin with."""


class QuickRoute(APIRoute):
    """A route that is quick where it only reads and waits for nothing but the records; else it is FastAPI's own."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers; what is raised is told by the handlers of the application."""
        if (
            scope["method"] != "GET"
            or "GET" not in (self.methods or ())
            or iscoroutinefunction(self.endpoint)
        ):
            await super().handle(scope, receive, send)
            return
        response = await run_in_threadpool(self.quick, Request(scope, receive, send))
        await response(scope, receive, send)

    def quick(self, request: Request) -> Response:
        """The answer; what it takes of the records is read by one connection."""
        with door_of(request).runtime.services.store.pages.together():
            response: Response = _called(self.dependant, request)
        return response


def _called(dependant: Dependant, request: Request) -> Any:
    """What a function gives for a request: its arguments are those of the request, and what other functions give for it.

    Raises RequestValidationError where any of that cannot be understood.
    """
    values, wrong = dict[str, Any](), list[Any]()
    for each in dependant.dependencies:
        try:
            found = _called(each, request)
        except RequestValidationError as error:
            wrong += error.errors()
            continue
        if each.name is not None:
            values[each.name] = found
    for fields, received in (
        (dependant.path_params, request.path_params),
        (dependant.query_params, request.query_params),
        (dependant.header_params, request.headers),
        (dependant.cookie_params, request.cookies),
    ):
        if fields:
            given, not_understood = request_params_to_args(fields, received)
            values |= given
            wrong += not_understood
    if wrong:
        raise RequestValidationError(wrong)
    for name in (dependant.request_param_name, dependant.http_connection_param_name):
        if name is not None:
            values[name] = request
    call: Any = dependant.call
    found = call(**values)
    return _run(found) if isinstance(found, Coroutine) else found


def _run(found: "Coroutine[Any, Any, Any]") -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        # Without an event loop: one that waits for nothing ends at the first step.
        found.send(None)
    except StopIteration as end:
        return end.value
    found.close()
    raise RuntimeError("what answers a quick route waits for nothing")
