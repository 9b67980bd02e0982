"""Who looks at the page, and what proves that a form was filled in there."""

import secrets
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.access.secrets import is_same, kept
from envmgr.domain.values.asking.person import Person, Role
from envmgr.web.live.readers import Reader

from . import sessions

FORM_COOKIE = "__Host-envmgr_form"
"""Holds what forms of somebody without a session must have: who is to sign in, or comes through a proxy."""
SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the page. `csrf` must come with each form; `is_session` says that she may sign out."""

    person: Person
    csrf: str
    is_session: bool

    @property
    def name(self) -> str:
        """Her name."""
        return self.person.name

    @property
    def role(self) -> str:
        """The highest role that she has anywhere; empty where she has none."""
        found = [role for role in self.person.roles.values() if role is not None]
        return max(found, key=list(Role).index).value if found else ""


def _known(request: Request) -> Visitor:
    found = look(request)
    if found is None:
        raise HTTPException(401, "Sign in first.")
    return found


async def visitor(request: Request, found: Annotated[Visitor, Depends(_known)]) -> Visitor:
    """Who looks; 401 where that is not known, 403 where a form was not filled in at the page."""
    if request.method not in SAFE:
        await check_form(request, found.csrf)
    return found


def look(request: Request) -> Visitor | None:
    """Who looks; None where that is not known."""
    for sign_in in request.app.state.sign_ins:
        person: Person | None = sign_in(request)
        if person is not None:
            return Visitor(person, form_secret(request), is_session=False)
    session = sessions.find(request)
    person = sessions.person_of(request, session) if session is not None else None
    return (
        Visitor(person, session.csrf, is_session=True) if person is not None and session is not None else None
    )


def reader(request: Request, found: Visitor) -> Reader:
    """Who follows something: what goes on for long is looked at again, once for all that a browser has open."""
    secret = request.cookies.get(sessions.COOKIE) if found.is_session else None
    return Reader(found.person, partial(_now, request), None if secret is None else ("seen", kept(secret)))


def _now(request: Request) -> Person | None:
    """Who looks by now; None where she is nobody any more, or it cannot be known."""
    try:
        found = look(request)
    except (HTTPException, EnvmgrError):
        return None
    return found.person if found is not None else None


def form_secret(request: Request) -> str:
    """What the forms of a browser without a session must have; a new one where it keeps none yet."""
    secret = request.cookies.get(FORM_COOKIE, "")
    if not secret:
        secret = getattr(request.state, "form_secret", "") or secrets.token_urlsafe(32)
        request.state.form_secret = secret  # `drawn` has the browser keep it
    return secret


async def check_form(request: Request, csrf: str) -> None:
    """Refuses a form that another page sent, or that was loaded too long ago."""
    form = await request.form()
    shown = form.get("csrf")
    is_ours = isinstance(shown, str) and is_same(csrf, shown[:_LONGEST]) and not is_from_elsewhere(request)
    if not is_ours:
        raise HTTPException(403, "This form is too old, or was not sent from here: load the page again.")


def is_from_elsewhere(request: Request) -> bool:
    """Whether a browser says that another site's page sent this."""
    site = request.headers.get("sec-fetch-site")
    return site not in (None, "same-origin", "none")


Visiting = Annotated[Visitor, Depends(visitor)]
