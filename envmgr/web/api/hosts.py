"""The hosts that work by these records, and what an admin says of one; done at once."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from envmgr.commands.hosts import standing
from envmgr.commands.runtime import Runtime
from envmgr.domain.values.hosts.host import Host
from envmgr.views import asking
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import answer, page
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["hosts"], route_class=QuickRoute)
Name = Annotated[str, Path(max_length=253, pattern=r"^[A-Za-z0-9._-]+$", description="Its name, or its ID.")]
_SAID = gives("Host", "It is so from now on.", also=(409,))
_FORGOTTEN = gives("HostPage", "It is forgotten; these are left.", also=(409,))


@router.get("/hosts", responses=gives("HostPage", "The hosts, in one page."))
def listed(request: Request, runtime: Asked) -> Response:
    """Lists the hosts, how each stands, and what it works on of what you may see."""
    return answer(request, page([asking.host(each) for each in standing.standings(runtime)], None))


@router.post("/hosts/{host}/drain", responses=_SAID)
def drain(request: Request, runtime: Asked, host: Name) -> Response:
    """Lets a host take no new work; what runs there goes on to its end."""
    return _shown(request, runtime, standing.drain(runtime, host, draining=True))


@router.post("/hosts/{host}/undrain", responses=_SAID)
def undrain(request: Request, runtime: Asked, host: Name) -> Response:
    """Lets a drained host take work again."""
    return _shown(request, runtime, standing.drain(runtime, host, draining=False))


@router.post("/hosts/{host}/forget", responses=_FORGOTTEN)
def forget(request: Request, runtime: Asked, host: Name) -> Response:
    """Says that a silent host is gone for good: others take over what it had begun, and break its locks.

    Only say so of a host that is off: a Terraform that still works there would work beside the next one.
    """
    standing.forget(runtime, host)
    return listed(request, runtime)


def _shown(request: Request, runtime: Runtime, host: Host) -> Response:
    found = next(each for each in standing.standings(runtime) if each.host.id == host.id)
    return answer(request, asking.host(found))
