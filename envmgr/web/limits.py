"""How much one caller may take: of requests, of bytes, and of time."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .forwarded import address_of
from .identity import shown
from .problems import Problem, problem
from .quick import PREFIX
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
        # Counted first: what is refused for another reason counts, too.
        refusal = _too_often(request) or _too_large(request) or _unreadable(request) or _not_json(request)
        if refusal is not None:
            await problem(refusal)(scope, receive, send)
            return
        await self._in_time(scope, _Body(receive), _counting(request, send))

    async def _in_time(self, scope: Scope, body: "_Body", send: Send) -> None:
        """The answer must begin in time; how long a stream then goes on is its own affair."""
        answer = _Answer(scope, body, send)
        late = asyncio.get_running_loop().call_later(PATIENCE, answer.is_late)
        try:
            await self._app(scope, body, answer.send)
        except _TooLarge:
            await answer.instead(_LARGE)
        # Only our own: a server that ends cancels, too.
        except asyncio.CancelledError:
            if not answer.is_given_up:
                raise
        finally:
            late.cancel()


class _Answer:
    """What an app answers, or what is said in its place."""

    def __init__(self, scope: Scope, body: "_Body", send: Send) -> None:
        self.is_given_up = False
        self._scope, self._body, self._send = scope, body, send
        self._has_begun = self._is_replaced = False
        self._app = asyncio.current_task()
        self._giving_up: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """Passes on what the app says; not once something else was said."""
        if self._body.is_too_large:  # whatever the app makes of a body that could not be read to its end
            await self.instead(_LARGE)
        if not self._is_replaced:
            self._has_begun = True
            await self._send(message)

    async def instead(self, found: Problem) -> None:
        """Says something in the app's place, unless that has begun."""
        if not self._has_begun:
            self._has_begun = self._is_replaced = True
            await problem(found)(self._scope, self._body, self._send)

    def is_late(self) -> None:
        """It has not begun in time: said at once, though what the app waits for in a thread cannot be ended."""
        if not self._has_begun:
            self._giving_up = asyncio.create_task(self._give_up())

    async def _give_up(self) -> None:
        await self.instead(Problem(503, "This takes too long: try again later.", retry=5))
        # Only then: the answer ends with the task that is cancelled.
        self.is_given_up = self._app is not None and self._app.cancel()


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
    # By its digits first: reading a number of thousands of them is work.
    return _LARGE if not length.isdecimal() or len(length) > 12 or int(length) > BODY else None


def _unreadable(request: Request) -> Problem | None:
    """No name and no text has a NUL in it, and not every database can be asked for one."""
    address = request.scope["path"] + request.scope["query_string"].decode("latin-1")
    return Problem(400, "No address here has a NUL in it.") if "\0" in address or "%00" in address else None


def _not_json(request: Request) -> Problem | None:
    """Whether a call has a body of another kind: `curl --data` sends a form where nobody says otherwise."""
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not has_body or kind == "application/json" or not request.scope["path"].startswith(f"{PREFIX}/"):
        return None
    return Problem(415, "A body here is JSON: send it with `Content-Type: application/json`.")


def _too_often(request: Request) -> Problem | None:
    if request.scope["path"] in _OPEN:
        return None
    door, known = request.app.state.door, request.app.state.known.name(shown(request))
    wait = door.rate.wait(_caller(request, known), door.settings.requests)
    if wait <= 0 and (known is not None or not _is_refused_often(request)):
        return None
    seconds = max(1, round(wait + 0.5))
    return Problem(429, f"Too many requests: try again in {seconds} s.", retry=seconds)


def _caller(request: Request, known: str | None) -> str:
    """Who is counted: whoever is known by what she shows, or a proxy names; else an address.

    What is not recognised counts for nothing: by another one for each request nobody would ever be counted twice.
    """
    found = known or named(request)
    return f"who {found}" if found is not None else f"from {address_of(request)}"


def _is_refused_often(request: Request) -> bool:
    """Whether an address has shown too many tokens that are none: each further one costs a look at the records."""
    if "authorization" not in request.headers:
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
