"""HEAD: the answer of a GET without its body (RFC 9110, 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodiless:
    """Has an app answer HEAD as it would GET, and ends it once the head of its answer is said: no stream goes on."""

    def __init__(self, app: ASGIApp) -> None:
        """In front of an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the app does."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body"})
            raise _Said

        # Of a part only GET knows (RFC 9110, 14.2).
        headers = [each for each in scope["headers"] if each[0] not in (b"range", b"if-range")]
        try:
            await self._app({**scope, "method": "GET", "headers": headers}, receive, sending)
        except _Said:
            return


class _Said(Exception):
    """All is said that is asked for."""
