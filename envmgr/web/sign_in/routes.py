"""Signing in and out at the page."""

import re
from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.commands import tokens
from envmgr.domain.errors import NeedsPerson, NotThere, Transient
from envmgr.domain.rules.access.secrets import kept
from envmgr.web.door import door_of
from envmgr.web.forwarded import address_of
from envmgr.web.pages.routes.answer import PageRoute, drawn, seen_again

from . import sessions
from .oidc import Pending, Provider
from .visitor import Visiting, check_form, form_secret, look

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PENDING = "__Host-envmgr_pending"
"""Holds what a browser keeps while somebody is at the provider."""
_TRIES = 10
"""How many failed attempts a minute an address may make."""


def onward(address: str) -> str:
    """Where to go on after signing in: a view of this page, whatever the address says."""
    is_ours = re.match(r"/(?![/\\])[^\\\s\x00-\x1f]*\Z", address) is not None and address.isprintable()
    return address if is_ours and not address.startswith("/sign-") else "/"


@router.get("/sign-in", response_class=HTMLResponse)
def door(request: Request) -> Response:
    """How one signs in; who is signed in goes on."""
    wanted = onward(request.query_params.get("next", "/"))
    if look(request) is not None:
        return seen_again(wanted)
    return _drawn(request, wanted)


@router.post("/sign-in", response_class=HTMLResponse)
async def by_token(request: Request) -> Response:
    """Signs in with a token."""
    await check_form(request, form_secret(request))
    form, here = await request.form(), door_of(request)
    wanted = onward(str(form.get("next", "/")))
    tries = f"sign-in {address_of(request)}"
    # Only what fails is taken off: who signs in often is no danger.
    if here.rate.left(tries, _TRIES) < 1:
        raise HTTPException(429, "Too many attempts: try again in a minute.")
    secret = str(form.get("token", "")).strip()
    person = await run_in_threadpool(tokens.recognised, here.runtime, secret)
    if person is None:
        here.rate.wait(tries, _TRIES)
        return _drawn(request, wanted, "This token is not known, or has ended.", 401)
    cookie, _ = await run_in_threadpool(sessions.begin, here, person.asker, kept(secret))
    response = seen_again(wanted)
    sessions.keep(response, cookie, here)
    return response


@router.get("/sign-in/provider")
def to_provider(request: Request) -> Response:
    """Leads to the provider that signs people in."""
    provider = _provider(request)
    address, pending = provider.begin(onward(request.query_params.get("next", "/")))
    response = seen_again(address)
    response.set_cookie(
        PENDING, pending.packed(), max_age=600, path="/", secure=True, httponly=True, samesite="lax"
    )
    return response


@router.get("/sign-in/back")
def from_provider(request: Request) -> Response:
    """Comes back from there: signed in where the provider proves it, else with what went wrong."""
    pending = Pending.unpacked(request.cookies.get(PENDING, ""))
    here = door_of(request)
    try:
        asker = _provider(request).finish(pending, dict(request.query_params))
    except (NeedsPerson, Transient) as error:
        response: Response = _drawn(request, "/", str(error), 403 if isinstance(error, NeedsPerson) else 503)
    else:
        secret, _ = sessions.begin(here, asker)
        response = seen_again(onward(pending.onward if pending is not None else "/"))
        sessions.keep(response, secret, here)
    # Whether it succeeded or not: each try begins anew, with other secrets.
    response.delete_cookie(PENDING, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _provider(request: Request) -> Provider:
    """The provider of the settings of now. Raises NotThere where there is none."""
    settings = door_of(request).settings
    if settings.oidc is None or settings.public_url is None:
        raise NotThere("There is no provider to sign in with: `server.sign_in.oidc` names one.")
    back = f"{settings.public_url}/sign-in/back"
    known: Provider | None = getattr(request.app.state, "provider", None)
    if known is None or (known.settings, known.back) != (settings.oidc, back):
        known = request.app.state.provider = Provider(settings.oidc, back)
    return known


@router.post("/sign-out")
def out(request: Request, _: Visiting) -> Response:
    """Signs out."""
    sessions.end(request)
    response = seen_again("/sign-in")
    sessions.forget(response)
    return response


def _drawn(request: Request, wanted: str, problem: str = "", status: int = 200) -> HTMLResponse:
    oidc = door_of(request).settings.oidc
    return drawn(
        request,
        None,
        "sign_in.html",
        status=status,
        problem=problem,
        by_provider=urlsplit(oidc.issuer).hostname if oidc is not None else "",
        onward=f"?next={quote(wanted, safe='')}",
        csrf=form_secret(request),
        next=wanted,
    )
