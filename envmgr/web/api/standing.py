"""Whether envmgr is there, and whether it can work."""

import asyncio
import time

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.web.door import door_of

router = APIRouter(include_in_schema=False)

_AGE = 1.0
_WORKS = "ok"


class Standing:
    """What is amiss with database and disk, looked at once a second for however many ask. Works on one event loop."""

    def __init__(self) -> None:
        """Not looked yet."""
        self._found: dict[str, str] = {}
        self._looked = 0.0
        self._lock = asyncio.Lock()

    async def of(self, runtime: Runtime) -> dict[str, str]:
        """How each of them is, as of a second ago at most."""
        async with self._lock:
            if not self._found or time.monotonic() - self._looked >= _AGE:
                self._found = await run_in_threadpool(_look, runtime)
                self._looked = time.monotonic()
            return self._found


def _look(runtime: Runtime) -> dict[str, str]:
    return {"database": _database(runtime), "disk": _disk(runtime)}


def _database(runtime: Runtime) -> str:
    try:
        runtime.services.store.pages.last_event()
    except EnvmgrError:
        return "does not answer"
    return _WORKS


def _disk(runtime: Runtime) -> str:
    try:
        shortage = runtime.services.layout.shortage(runtime.services.disk_reserve)
    except (EnvmgrError, OSError):
        return "does not answer"
    return "too little room" if shortage else _WORKS


@router.get("/healthz")
async def alive() -> PlainTextResponse:
    """Says that the process answers."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
async def ready(request: Request) -> PlainTextResponse:
    """Says whether database and disk let it work; who may not know more learns no more."""
    found = await request.app.state.standing.of(door_of(request).runtime)
    said = "".join(f"{part}: {how}\n" for part, how in found.items())
    return PlainTextResponse(said, 200 if set(found.values()) == {_WORKS} else 503)
