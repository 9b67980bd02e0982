"""How much one caller may take: of requests, of bytes, and of time."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .forwarded import address_of
from .identity import shown
from .problems import Problem, problem
from .sign_in.proxy import named

BODY = 1 << 20
"""The largest body that is read, in bytes."""
PATIENCE = 30.0
"""How long an answer may take to begin, in seconds."""
_REFUSALS = 60
_UNAUTHORIZED = 401
_OPEN = ("/healthz", "/readyz")
_HOOKS = "/webhooks/"
"""What is below it bounds its bodies itself, and is of forges, which would give up for good where they were turned away."""


class Limits:
    """Refuses what is too much, before anything is looked up for it."""

    def __init__(self, app: ASGIApp) -> None:
        """In front of an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 413, 429 or 503 in the app's place."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if request.scope["path"].startswith(_HOOKS):
            await self._in_time(scope, _Body(receive, most=None), send)
            return
        refusal = _too_often(request) or _too_large(request) or _unreadable(request)
        if refusal is not None:
            await problem(refusal)(scope, receive, send)
            return
        await self._in_time(scope, _Body(receive), _counting(request, send))

    async def _in_time(self, scope: Scope, body: "_Body", send: Send) -> None:
        """The answer must begin in time; how long a stream then goes on is its own affair."""
        has_begun, is_replaced = asyncio.Event(), False

        async def sending(message: Message) -> None:
            nonlocal is_replaced
            if body.is_too_large and not has_begun.is_set():
                # Whatever the app makes of a body that could not be read to its end.
                is_replaced = True
                await problem(_LARGE)(scope, body, send)
            has_begun.set()
            if not is_replaced:
                await send(message)

        answer = asyncio.ensure_future(self._app(scope, body, sending))
        begin = asyncio.ensure_future(has_begun.wait())
        try:
            await asyncio.wait({answer, begin}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and not has_begun.is_set():
                answer.cancel()
                await problem(Problem(503, "This takes too long: try again later.", retry=5))(
                    scope, body, send
                )
                return
            await answer
        except _TooLarge:
            if not has_begun.is_set():
                await problem(_LARGE)(scope, body, send)
        finally:
            begin.cancel()
            answer.cancel()


class _TooLarge(Exception):
    """A body went on for longer than it may."""


_LARGE = Problem(413, f"The body is larger than {BODY >> 20} MiB: nothing here takes so much.")


class _Body:
    """A request's body, which is read no further than it may go."""

    def __init__(self, receive: Receive, most: int | None = BODY) -> None:
        self._receive, self._most, self._seen = receive, most, 0

    @property
    def is_too_large(self) -> bool:
        """Whether it went on for longer."""
        return self._most is not None and self._seen > self._most

    async def __call__(self) -> Message:
        """The next piece. Raises _TooLarge."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self.is_too_large:
            raise _TooLarge
        return message


def _too_large(request: Request) -> Problem | None:
    length = request.headers.get("content-length", "0")
    return _LARGE if not length.isdecimal() or len(length) > 12 or int(length) > BODY else None


def _unreadable(request: Request) -> Problem | None:
    """No name and no text has a NUL in it, and not every database can be asked for one."""
    address = request.scope["path"] + request.scope["query_string"].decode("latin-1")
    return Problem(400, "No address here has a NUL in it.") if "\0" in address or "%00" in address else None


def _too_often(request: Request) -> Problem | None:
    if request.url.path in _OPEN:
        return None
    door = request.app.state.door
    wait = door.rate.wait(_caller(request), door.settings.requests)
    if wait <= 0 and not _is_refused_often(request):
        return None
    seconds = max(1, round(wait + 0.5))
    return Problem(429, f"Too many requests: try again in {seconds} s.", retry=seconds)


def _caller(request: Request) -> str:
    """Who is counted: whoever was recognised by what she shows, or a proxy names; else an address.

    What is not recognised counts for nothing: by another one for each request nobody would ever be counted twice.
    """
    found = request.app.state.known.name(shown(request)) or named(request)
    return f"who {found}" if found is not None else f"from {address_of(request)}"


def _is_refused_often(request: Request) -> bool:
    """Whether an address has shown too many tokens that are none: each further one costs a look at the records."""
    if "authorization" not in request.headers or request.app.state.known.name(shown(request)) is not None:
        return False
    left: float = request.app.state.door.rate.left(f"refused {address_of(request)}", _REFUSALS)
    return left < 1


def _counting(request: Request, send: Send) -> Send:
    """Takes each refusal off what an address may have of them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
            request.app.state.door.rate.wait(f"refused {address_of(request)}", _REFUSALS)
        await send(message)

    return sending
