"""How much one caller may take: of requests, of bytes, and of time."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import Problem, problem

BODY = 1 << 20
"""The largest body that is read, in bytes."""
PATIENCE = 30.0
"""How long an answer may take to begin, in seconds."""
_CALLERS = 10_000
_REFUSALS = 60
_UNAUTHORIZED = 401
_OPEN = ("/healthz", "/readyz")


class Rate:
    """Counts requests by caller: each may have so many a minute, and may save up no more than that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody has asked yet."""
        self._clock = clock
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, per_minute: int) -> float:
        """Takes one request off what a caller has left; gives how long to wait (seconds), 0 where there was one."""
        now, left = self._clock(), self.left(caller, per_minute)
        is_allowed = left >= 1
        self._callers[caller] = (left - 1 if is_allowed else left, now)
        self._callers.move_to_end(caller)
        while len(self._callers) > _CALLERS:  # who asked longest ago
            self._callers.popitem(last=False)
        return 0.0 if is_allowed else (1 - left) * 60 / per_minute

    def left(self, caller: str, per_minute: int) -> float:
        """How many requests a caller has left just now."""
        now = self._clock()
        left, at = self._callers.get(caller, (float(per_minute), now))
        return min(float(per_minute), left + (now - at) * per_minute / 60)


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
        refusal = _too_often(request) or _too_large(request)
        if refusal is not None:
            await problem(refusal)(scope, receive, send)
            return
        await self._in_time(scope, _bounded(receive), _counting(request, send))

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer must begin in time; how long a stream then goes on is its own affair."""
        has_begun = asyncio.Event()

        async def sending(message: Message) -> None:
            has_begun.set()
            await send(message)

        answer = asyncio.ensure_future(self._app(scope, receive, sending))
        begin = asyncio.ensure_future(has_begun.wait())
        try:
            await asyncio.wait({answer, begin}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and not has_begun.is_set():
                answer.cancel()
                await problem(Problem(503, "This takes too long: try again later.", retry=5))(
                    scope, receive, send
                )
                return
            await answer
        except _TooLarge:
            if not has_begun.is_set():
                await problem(_LARGE)(scope, receive, send)
        finally:
            begin.cancel()
            answer.cancel()


class _TooLarge(Exception):
    """A body went on for longer than it may."""


_LARGE = Problem(413, f"The body is larger than {BODY >> 20} MiB: nothing here takes so much.")


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY:
            raise _TooLarge
        return message

    return receiving


def _too_large(request: Request) -> Problem | None:
    length = request.headers.get("content-length", "0")
    return _LARGE if not length.isdecimal() or len(length) > 12 or int(length) > BODY else None


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
    """Who is counted: a token or a session, else an address."""
    shown = request.headers.get("authorization") or request.headers.get("cookie")
    return sha256(shown.encode()).hexdigest() if shown else f"from {_address(request)}"


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "the socket"


def _is_refused_often(request: Request) -> bool:
    """Whether an address has shown too many tokens that are none: each further one costs a look at the records."""
    authorization = request.headers.get("authorization")
    if authorization is None or sha256(authorization.encode()).hexdigest() in request.app.state.known:
        return False
    left: float = request.app.state.door.rate.left(f"refused {_address(request)}", _REFUSALS)
    return left < 1


def _counting(request: Request, send: Send) -> Send:
    """Takes each refusal off what an address may have of them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
            request.app.state.door.rate.wait(f"refused {_address(request)}", _REFUSALS)
        await send(message)

    return sending
