"""Tokens of scripts and laptops; for admins."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from envmgr.commands import tokens
from envmgr.config.sections.duration import read_duration
from envmgr.domain.values.asking.person import Role
from envmgr.views import asking
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .paging import answer, page
from .schema import gives, problems

router = APIRouter(prefix=PREFIX, tags=["tokens"], route_class=QuickRoute)


class TokenWanted(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=64, description="Its name.", examples=["ci"])
    role: Role = Field(description="What it may do.")
    organization: str | None = Field(default=None, max_length=100, description="Where; null: everywhere.")
    repository: str | None = Field(default=None, max_length=100, description="The one repository where.")
    expires: str | None = Field(
        default=None,
        max_length=20,
        description="For how long; null: until it is revoked, or the token that makes it ends.",
        examples=["90d"],
    )


@router.get("/tokens", responses=gives("TokenPage", "The tokens, in one page; never their secrets."))
def listed(request: Request, runtime: Asked) -> Response:
    """Lists the tokens that you may revoke."""
    return answer(request, page([asking.token(each) for each in tokens.listed(runtime)], None))


@router.post(
    "/tokens",
    status_code=201,
    responses=gives(
        "NewToken",
        "It is made; this is the only time that its secret is shown.",
        status=201,
        also=(409, 413, 415),
    ),
)
def create(request: Request, runtime: Asked, wanted: TokenWanted) -> Response:
    """Makes a token. An Idempotency-Key means nothing here: a name is given only once."""
    expires = read_duration(wanted.expires, "expires") if wanted.expires is not None else None
    wish = tokens.Wish(
        name=wanted.name,
        role=wanted.role,
        organization=wanted.organization,
        repository=wanted.repository,
        expires=expires,
    )
    secret, token = tokens.create(runtime, wish)
    made: asking.NewTokenObject = {**asking.token(token), "secret": secret}
    return answer(request, made, 201)


@router.delete(
    "/tokens/{name}",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "It is not valid any more."},
        **dict(problems(400, 401, 403, 404, 422, 429, 503)),
    },
)
def revoke(runtime: Asked, name: Annotated[str, Path(max_length=64)]) -> Response:
    """Revokes a token at once."""
    tokens.revoke(runtime, name)
    return Response(None, 204)
