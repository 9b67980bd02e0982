"""Heads of forks' pull requests: which wait for somebody's yes, and saying it; done at once."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from envmgr.commands.forge import heads
from envmgr.commands.forge.heads import Head
from envmgr.domain.values.names import COMMIT, RepositoryId
from envmgr.views import asking
from envmgr.views.asking import HeadObject
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .freezing import Name
from .paging import Word, answer, page
from .requests import Number
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["changes"], route_class=QuickRoute)
_LISTED = gives("HeadPage", "Those that wait, in one page.")
_APPROVED = gives("Head", "It may be run, as the daemon's next look finds it.", also=(409, 413, 415))


class HeadWanted(BaseModel):
    """A yes to the head of a fork."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str = Field(
        pattern=f"^{COMMIT}$",
        description="The commit that you have looked at, in full: no other one is ever run for it.",
    )


@router.get("/pull-requests", responses=_LISTED)
def waiting(request: Request, runtime: Asked, organization: Word = None, repository: Word = None) -> Response:
    """Lists the pull requests from forks whose head waits for somebody to approve it."""
    found = [
        _shown(each)
        for each in heads.waiting_heads(runtime)
        if organization in (None, each.environment.organization)
        and repository in (None, each.environment.repository)
    ]
    return answer(request, page(found, None))


@router.post("/pull-requests/{organization}/{repository}/{number}/approve", responses=_APPROVED)
def approve(
    request: Request,
    runtime: Asked,
    organization: Name,
    repository: Name,
    number: Number,
    wanted: HeadWanted,
) -> Response:
    """Lets just this commit of a fork be run, where it is still the head. Sent again it changes nothing more."""
    found = heads.approve(runtime, RepositoryId(organization, repository), number, wanted.commit)
    return answer(request, _shown(found))


def _shown(found: Head) -> HeadObject:
    return asking.head(found.environment, found.pull, found.commit)
