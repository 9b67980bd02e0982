"""Organizations and repositories, and who one is to them."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from envmgr import __version__
from envmgr.commands import reading
from envmgr.views import asking
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import Word, answer, page
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["places"], route_class=QuickRoute)


@router.get("/organizations", responses=gives("OrganizationPage", "The organizations, in one page."))
def organizations(request: Request, runtime: Asked) -> Response:
    """Lists the organizations of which you may see anything."""
    found = reading.organizations(runtime).items()
    shown = [asking.organization(name, runtime.person, frozen) for name, frozen in found]
    return answer(request, page(shown, None))


@router.get("/repositories", responses=gives("RepositoryPage", "The repositories, in one page."))
def repositories(request: Request, runtime: Asked, organization: Word = None) -> Response:
    """Lists the repositories that are watched, each with its last look."""
    found = reading.repositories(runtime, organization)
    shown = [
        asking.repository(
            each.id,
            each.state,
            each.frozen,
            branches=each.branches,
            protected=each.protected,
            environments=each.environments,
            untold=each.untold,
        )
        for each in found
    ]
    return answer(request, page(shown, None))


@router.get("/me", responses=gives("Me", "Who you are."))
def me(request: Request, runtime: Asked) -> Response:
    """Says who you are, and what you may do where."""
    return answer(request, asking.me(runtime.person, reading.organizations(runtime), __version__))
