"""Tokens: shown to those who may make them, made and revoked."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from envmgr.commands import tokens
from envmgr.commands.access import may
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.duration import read_duration
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Action, Role
from envmgr.domain.values.asking.token import Token
from envmgr.web.door import door_of
from envmgr.web.problems import of_error
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn, seen_again
from .chosen import place

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_Text = Annotated[str, Form(max_length=200)]


@router.get("/tokens", response_class=HTMLResponse)
def listed(request: Request, visitor: Visiting) -> HTMLResponse:
    """Those that somebody may make and revoke."""
    return _drawn(request, visitor, door_of(request).of(visitor.person))


@router.post("/tokens", response_class=HTMLResponse)
def create(
    request: Request,
    visitor: Visiting,
    name: _Text,
    role: Annotated[Role, Form()],
    where: _Text = "",
    expires: _Text = "",
) -> HTMLResponse:
    """Makes one; its secret is on this page, once."""
    runtime = door_of(request).of(visitor.person)
    try:
        secret, _ = tokens.create(runtime, _wish(name.strip(), role, where.strip(), expires.strip()))
    except EnvmgrError as error:
        return _drawn(request, visitor, runtime, problem=str(error), status=of_error(error).status)
    return _drawn(request, visitor, runtime, secret=secret)


def _wish(name: str, role: Role, where: str, expires: str) -> tokens.Wish:
    chosen = {part: value or None for part, value in place(where).items()}
    lives = read_duration(expires, "How long it lives cannot be read") if expires else None
    return tokens.Wish(name=name, role=role, expires=lives, **chosen)


@router.post("/tokens/revoke")
def revoke(request: Request, visitor: Visiting, name: _Text) -> Response:
    """Ends one at once."""
    tokens.revoke(door_of(request).of(visitor.person), name)
    return seen_again("/tokens")


def _drawn(
    request: Request,
    visitor: Visitor,
    runtime: Runtime,
    *,
    secret: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    services = runtime.services
    may_write = any(
        may(runtime, Action.TOKENS, organization, repository)
        for organization, repository in ((r.organization, r.name) for r in services.repositories)
    )
    return drawn(
        request,
        visitor,
        "tokens.html",
        status=status,
        tokens=[Shown(t) for t in tokens.listed(runtime)],
        secret=secret,
        problem=problem,
        may_write=may_write,
        may_all=tokens.is_of_all(runtime),
        roles=list(Role),
    )


class Shown:
    """A token as the page shows it."""

    def __init__(self, token: Token) -> None:
        """Of what is recorded."""
        self.name, self.role, self.where = token.name, token.role, tokens.place_of(token)
        self.created_at, self.used_at, self.expires_at = token.created_at, token.used_at, token.expires_at
