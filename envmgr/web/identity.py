"""Who asks: by a token, by the headers of a proxy that is believed, or by a session."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.commands import tokens
from envmgr.commands.runtime import Runtime
from envmgr.domain.rules.access.secrets import is_same
from envmgr.domain.values.asking.person import Person

from .door import door_of
from .sign_in import sessions

CSRF_HEADER = "X-CSRF-Token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_KNOWN = 1000
_USE = timedelta(minutes=1)

SignIn = Callable[[Request], Person | None]
"""Another way to know who asks; None where a request says nothing of the kind."""

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `envmgr token create`.")


def asking(request: Request) -> Person | None:
    """Who asks; None where a request says nothing of it. Raises 401 where what it says is not (or no more) so."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _by_token(request, authorization)
    for sign_in in request.app.state.sign_ins:
        found: Person | None = sign_in(request)
        if found is not None:
            return found
    return _by_session(request)


def asker(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
) -> Person:
    """Who asks; 401 where that is not known."""
    person = asking(request)
    if person is None:
        raise HTTPException(401, "Say who you are: `Authorization: Bearer envmgr_…`, or sign in at the page.")
    return person


def asked(request: Request, person: Annotated[Person, Depends(asker)]) -> Runtime:
    """The runtime for who asks: its commands refuse what she may not do."""
    return door_of(request).of(person)


Asked = Annotated[Runtime, Depends(asked)]


def _by_token(request: Request, authorization: str) -> Person:
    scheme, _, secret = authorization.partition(" ")
    door, known = door_of(request), request.app.state.known
    person = tokens.recognised(door.runtime, secret.strip()) if scheme.lower() == "bearer" else None
    if person is None:
        raise HTTPException(401, "This token is not (or no longer) valid: `envmgr token create` makes one.")
    known[sha256(authorization.encode()).hexdigest()] = None
    while len(known) > _KNOWN:
        known.pop(next(iter(known)))
    return person


def _by_session(request: Request) -> Person | None:
    session = sessions.find(request)
    if session is None:
        return None
    if request.method not in _SAFE and not is_same(session.csrf, request.headers.get(CSRF_HEADER, "")):
        raise HTTPException(403, f"A write from the page needs its {CSRF_HEADER}: load the page again.")
    return sessions.person_of(door_of(request), session)
