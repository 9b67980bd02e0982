"""What went wrong, as problem documents of RFC 9457."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from traceback import format_exception
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.domain.errors import (
    EnvmgrError,
    Forbidden,
    MeansAnother,
    NeedsPerson,
    NotThere,
    RetryLater,
    Transient,
    UsageError,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_MOST_INPUT = 200
_SAID = {
    404: "There is nothing at this address: `/docs` lists the calls.",
    405: "This address takes another method: {takes}.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure as it is answered: a sentence, and whether (in `retry` seconds) it may be tried again."""

    status: int
    detail: str
    retry: int | None = None
    more: Mapping[str, Any] | None = None


def problem(found: Problem) -> JSONResponse:
    """The document."""
    headers = {} if found.retry is None else {"Retry-After": str(found.retry)}
    if found.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="envmgr"'
    title = HTTPStatus(found.status).phrase
    content = {"type": "about:blank", "title": title, "status": found.status, "detail": found.detail}
    return JSONResponse({**content, **(found.more or {})}, found.status, headers, MEDIA_TYPE)


def of_error(error: EnvmgrError) -> Problem:
    """How a foreseen failure is answered."""
    said = str(error)
    if isinstance(error, NotThere):
        return Problem(404, said)
    if isinstance(error, Forbidden):
        return Problem(403, said, more={"needs": error.needed})
    if isinstance(error, UsageError):
        return Problem(422 if isinstance(error, MeansAnother) else 400, said)
    if isinstance(error, RetryLater):
        return Problem(409, said, retry=max(1, round(error.after.total_seconds())))
    if isinstance(error, NeedsPerson):
        return Problem(409, said)
    return Problem(503, said, retry=5) if isinstance(error, Transient) else Problem(409, said)


def of_http(error: HTTPException) -> JSONResponse:
    """The document of what was refused before any route of ours had a say, or in one."""
    said = str(error.detail)
    if isinstance(error.__cause__, RecursionError):
        said = "The body is nested too deep to be read: nothing here takes such."
    if said == HTTPStatus(error.status_code).phrase:  # of the framework, which has no more to say
        takes = (error.headers or {}).get("Allow", "nothing of the kind")
        said = _SAID.get(error.status_code, f"{said}.").format(takes=takes)
    answer = problem(Problem(error.status_code, said))
    answer.headers.update(error.headers or {})
    return answer


def _wrong(found: Mapping[str, Any]) -> dict[str, str]:
    """Where something cannot be understood, and why; of what is no JSON at all the place is a number of characters."""
    if found["type"] == "json_invalid":
        return {"where": "body", "what": f"No JSON from character {found['loc'][-1]} on"}
    return {"where": ".".join(map(str, found["loc"])), "what": str(found["msg"])[:_MOST_INPUT]}


def tell_problems(app: FastAPI) -> None:
    """Has an app answer every failure by a problem document."""

    @app.exception_handler(EnvmgrError)
    def foreseen(_: Request, error: EnvmgrError) -> JSONResponse:
        return problem(of_error(error))

    @app.exception_handler(RequestValidationError)
    def not_understood(_: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [_wrong(each) for each in error.errors()]
        said = "; ".join(f"{each['where']}: {each['what']}" for each in wrong[:5])
        return problem(Problem(422, f"This cannot be understood: {said}.", more={"problems": wrong}))

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        return of_http(error)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # As plain text, which passes the log's scrubber; a traceback with all values would take minutes to draw.
        told = "".join(format_exception(error))
        log.error("Unexpected error", action="unexpected", path=request.url.path, traceback=told)
        return problem(Problem(500, "envmgr hit an unexpected error; its log has more."))
