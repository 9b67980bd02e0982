"""Freezing and thawing organizations and repositories; done at once."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from envmgr.commands import freezing
from envmgr.commands.freezing import Spot
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.times import read_moment
from envmgr.views import documents
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import answer
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["places"], route_class=QuickRoute)
Name = Annotated[str, Path(max_length=100, pattern=r"^[a-z0-9-]+$")]
_FROZEN = gives("Freeze", "It is frozen; what runs there ends in peace.", also=(409, 413, 415))
_THAWED = gives("Freeze", "It is thawed; this is the freeze that was ended.", also=(409, 413, 415))


class FreezeWanted(BaseModel):
    """A freeze."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(
        min_length=1,
        max_length=500,
        description="Why; shown wherever its environments are.",
        examples=["migration"],
    )
    until: str | None = Field(
        default=None,
        max_length=40,
        description="When it ends by itself: a time with its zone, or how long from now on; null: by `thaw`.",
        examples=["2026-12-01T06:00Z"],
    )


@router.post("/organizations/{organization}/freeze", responses=_FROZEN)
def freeze_organization(
    request: Request, runtime: Asked, organization: Name, wanted: FreezeWanted
) -> Response:
    """Stops all applying and destroying in an organization. Sent again it changes nothing more."""
    return _freeze(request, runtime, Spot(organization), wanted)


@router.post("/repositories/{organization}/{repository}/freeze", responses=_FROZEN)
def freeze_repository(
    request: Request, runtime: Asked, organization: Name, repository: Name, wanted: FreezeWanted
) -> Response:
    """Stops all applying and destroying in a repository. Sent again it changes nothing more."""
    return _freeze(request, runtime, Spot(organization, repository), wanted)


@router.post("/organizations/{organization}/thaw", responses=_THAWED)
def thaw_organization(request: Request, runtime: Asked, organization: Name) -> Response:
    """Ends the freeze of an organization that people made."""
    return answer(request, documents.freeze(freezing.thaw(runtime, Spot(organization))))


@router.post("/repositories/{organization}/{repository}/thaw", responses=_THAWED)
def thaw_repository(request: Request, runtime: Asked, organization: Name, repository: Name) -> Response:
    """Ends the freeze of a repository that people made."""
    return answer(request, documents.freeze(freezing.thaw(runtime, Spot(organization, repository))))


def _freeze(request: Request, runtime: Runtime, spot: Spot, wanted: FreezeWanted) -> Response:
    now = runtime.services.clock()
    until = read_moment(wanted.until, now, "until") if wanted.until is not None else None
    return answer(request, documents.freeze(freezing.freeze(runtime, spot, wanted.reason, until)))
