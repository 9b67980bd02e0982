"""A log as it is sent: in whole, in part, or not again."""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from .known import is_known

_TEXT = "text/plain; charset=utf-8"
_NOT_MODIFIED, _MALFORMED, _NO_SUCH_RANGE = 304, 400, 416


class LogFile(FileResponse):
    """A file of text, whatever it says; a `Range` that is none is passed over (RFC 9110, 14.2)."""

    def __init__(self, path: Path) -> None:
        """Of a log as it is now; one that is being written grows."""
        headers = {"Cache-Control": "private, no-cache"}
        super().__init__(path, headers=headers, media_type=_TEXT, stat_result=path.stat())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers. Raises HTTPException where the log has no such range, before anything was sent."""
        headers = Headers(scope=scope)
        if is_known(headers.get("if-none-match", ""), self.headers["etag"]):
            kept = {name: self.headers[name] for name in ("etag", "cache-control")}
            await Response(None, _NOT_MODIFIED, kept)(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, _refusing(_as_long_as_said(send)))
        except _NoRange:
            # Nothing was sent yet: `_refusing` raised before the first word.
            rest = [each for each in scope["headers"] if each[0] != b"range"]
            await super().__call__({**scope, "headers": rest}, receive, _as_long_as_said(send))


class _NoRange(Exception):
    """What a caller sent as a range is none."""


def _refusing(send: Send) -> Send:
    """Says in our own words what is refused."""

    async def sending(message: Message) -> None:
        status = message.get("status")
        if status == _MALFORMED:
            raise _NoRange
        if status == _NO_SUCH_RANGE:
            there = Headers(raw=message["headers"])["content-range"]
            length = there.rpartition("/")[2]
            raise HTTPException(
                status, f"The log has no such range: it is {length} bytes long.", {"Content-Range": there}
            )
        await send(message)

    return sending


def _as_long_as_said(send: Send) -> Send:
    """No more than was said to come: what is written meanwhile would break the answer off, its last piece with it."""
    left, is_over = 0, False

    async def sending(message: Message) -> None:
        nonlocal left, is_over
        if message["type"] == "http.response.start":
            left = int(Headers(raw=message["headers"])["content-length"])
            await send(message)
        elif not is_over:
            body = message["body"][:left]
            left -= len(body)
            is_over = not left or not message.get("more_body", False)
            await send({**message, "body": body, "more_body": not is_over})

    return sending
