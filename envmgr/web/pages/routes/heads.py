"""Heads of forks: what somebody is told before she lets one be run, and saying yes."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from envmgr.commands.access import check
from envmgr.commands.forge import heads
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson, NotThere
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.names import COMMIT, RepositoryId
from envmgr.web.door import door_of
from envmgr.web.problems import of_error
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn, seen_again
from .chosen import Identity

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PATH = "/pull-requests/{organization}/{repository}/{number}/approve"
_Commit = Annotated[str, Form(pattern=f"^{COMMIT}$")]


@router.get(_PATH, response_class=HTMLResponse)
def asked_first(
    request: Request, visitor: Visiting, organization: str, repository: str, number: Identity
) -> HTMLResponse:
    """Whose commit it is and which, what comes of a yes, and a button that says it."""
    runtime, place = door_of(request).of(visitor.person), RepositoryId(organization, repository)
    return _question(request, visitor, runtime, place, number)


@router.post(_PATH)
def approved(
    request: Request,
    visitor: Visiting,
    organization: str,
    repository: str,
    number: Identity,
    commit: _Commit,
) -> Response:
    """Says yes to the commit that was shown; what cannot be is said beside the question."""
    runtime, place = door_of(request).of(visitor.person), RepositoryId(organization, repository)
    try:
        heads.approve(runtime, place, number, commit)
    except NotThere:
        raise
    except NeedsPerson as error:
        return _question(request, visitor, runtime, place, number, error)
    return seen_again("/")


def _question(
    request: Request,
    visitor: Visitor,
    runtime: Runtime,
    place: RepositoryId,
    number: int,
    problem: NeedsPerson | None = None,
) -> HTMLResponse:
    check(runtime, Action.SEE, place.organization, place.name, f"repository {place}")
    check(runtime, Action.APPROVE, place.organization, place.name)
    waiting = (h for h in heads.waiting_heads(runtime) if h.environment.repository_id == place)
    found = next((each for each in waiting if each.pull.number == number), None)
    if found is None:
        raise problem or NotThere(f"No head of pull request {number} of {place} waits for a yes.")
    status = of_error(problem).status if problem is not None else 200
    return drawn(request, visitor, "head.html", status=status, head=found, problem=str(problem or ""))
