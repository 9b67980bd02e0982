"""Whether envmgr is there, and whether it can work."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from envmgr.domain.errors import EnvmgrError
from envmgr.web.door import door_of

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> PlainTextResponse:
    """Says that the process answers."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
def ready(request: Request) -> PlainTextResponse:
    """Says whether database and disk let it work; who may not know more learns no more."""
    services = door_of(request).runtime.services
    try:
        services.store.pages.last_event()
        shortage = services.layout.shortage(services.disk_reserve)
    except EnvmgrError:
        return PlainTextResponse("the database does not answer\n", 503)
    return PlainTextResponse("too little disk\n", 503) if shortage else PlainTextResponse("ready\n")
