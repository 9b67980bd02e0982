"""Environments: all of them, and one in full."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from envmgr.commands import reading
from envmgr.domain.values.combined import combined
from envmgr.domain.values.environment import OriginKind, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.views import documents
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import After, Sought, answer, cursor, page, read_name
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["environments"], route_class=QuickRoute)

Name = Annotated[
    str, Path(max_length=100, pattern=r"^[a-z0-9-]+$", description="Its name in the organization file.")
]
Environment = Annotated[
    str,
    Path(
        max_length=200,
        pattern=r"^[a-z0-9-]+(:[a-z0-9-]+)?$",
        description="Its name; `name:application` for one of its applications.",
    ),
]


def identity_of(organization: str, repository: str, environment: str) -> EnvironmentId:
    """The environment that a path names."""
    name, _, application = environment.partition(":")
    return EnvironmentId(organization, repository, name, application)


@router.get("/environments", responses=gives("ListedPage", "A page of environments, by name."))
def listed(
    request: Request,
    runtime: Asked,
    wanted: Sought,
    status: Status | None = None,
    origin: OriginKind | None = None,
    after: After = None,
) -> Response:
    """Lists environments by name, each with its applications. Destroyed ones only where `status` asks for them."""
    groups = reading.environments(runtime, replace(wanted, status=status, origin=origin), read_name(after))
    beside, limit = reading.beside(runtime), wanted.limit - 1
    shown = [(combined(group), group) for group in groups[:limit]]
    items = [documents.listed(e, group, beside(e.id.repository_id)) for e, group in shown]
    last = groups[limit - 1][0].id if len(groups) > limit else None
    following = cursor(last.organization, last.repository, last.name) if last is not None else None
    return answer(request, page(items, following))


@router.get(
    "/environments/{organization}/{repository}/{environment}",
    responses=gives(
        "EnvironmentInFull", "The environment; of several applications as in the list, each in full."
    ),
)
def one(
    request: Request, runtime: Asked, organization: Name, repository: Name, environment: Environment
) -> Response:
    """Shows one environment in full."""
    records = reading.records_of(runtime, identity_of(organization, repository, environment))
    return answer(request, documents.whole(*reading.facts_of(runtime, records)))
