"""Sessions: somebody signed in once, and her browser keeps a secret that says so."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from envmgr.commands import tokens
from envmgr.domain.rules.access.roles import signed_in
from envmgr.domain.rules.access.secrets import kept
from envmgr.domain.values.asking.person import Asker, Person
from envmgr.domain.values.asking.token import Session
from envmgr.web.door import Door, door_of

COOKIE = "__Host-envmgr_session"
"""What the cookie is called. By that prefix browsers take it over https alone (or from this host), for no other host and path."""


def begin(door: Door, asker: Asker, token: str | None = None) -> tuple[str, Session]:
    """Signs somebody in; gives what her browser is to keep, which is written down nowhere, and the session.

    `token` is the digest of the token that she showed, where it was one.
    """
    secret, now = secrets.token_urlsafe(32), door.now
    session = Session(
        digest=kept(secret),
        name=asker.name,
        groups=asker.groups,
        csrf=secrets.token_urlsafe(32),
        created_at=now,
        expires_at=now + door.settings.session,
        token=token,
    )
    door.runtime.services.store.sessions.begin(session)
    return secret, session


def keep(response: Response, secret: str, door: Door) -> None:
    """Has a browser keep what `begin` gave."""
    age = int(door.settings.session.total_seconds())
    response.set_cookie(COOKIE, secret, max_age=age, path="/", secure=True, httponly=True, samesite="lax")


def forget(response: Response) -> None:
    """Has a browser forget it."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def find(request: Request) -> Session | None:
    """The session of a request; None where it has none, or one that is over."""
    secret = request.cookies.get(COOKIE)
    if secret is None:
        return None
    door = door_of(request)
    session = door.runtime.services.store.sessions.find(kept(secret))
    # The row of one that is over stays until housekeeping comes by.
    return session if session is not None and session.expires_at > door.now else None


def person_of(request: Request, session: Session) -> Person | None:
    """Who is signed in, with the roles of now; None where the token that she signed in with is no more."""
    runtime = door_of(request).runtime
    if session.token is not None:
        person = tokens.recognised_by_digest(runtime, session.token)
    else:
        person = signed_in(session.name, session.groups, runtime.access)
    if person is not None:
        request.app.state.known.note(session.digest, str(person.asker))
    return person


def end(request: Request) -> None:
    """Signs out: nobody who kept the secret can use it any more."""
    secret = request.cookies.get(COOKIE)
    if secret is not None:
        door_of(request).runtime.services.store.sessions.end(kept(secret))
