"""Who asks: by a token, by the headers of a proxy that is believed, or by a session."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.commands import tokens
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.access.secrets import is_same, kept
from envmgr.domain.values.asking.person import Person

from .door import door_of
from .live.readers import Reader
from .sign_in import sessions
from .sign_in.proxy import named
from .sign_in.visitor import SAFE

CSRF_HEADER = "X-CSRF-Token"

SignIn = Callable[[Request], Person | None]
"""Another way to know who asks; None where a request says nothing of the kind."""

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `envmgr token create`.")


def asking(request: Request) -> Person | None:
    """Who asks; None where a request says nothing of it. Raises 401 where what it says is not (or no more) so."""
    # First, and whatever comes of it: who shows a token that has ended is not taken for her browser's
    # session.
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


def reader(request: Request, person: Person) -> Reader:
    """Who follows something: what goes on for long is looked at again, together with all that shows the same."""
    is_named = named(request) is not None
    return Reader(person, partial(_now, request), None if is_named else ("asked", shown(request)))


def _now(request: Request) -> Person | None:
    """Who asks by now; None where she is nobody any more, or it cannot be known."""
    try:
        return asking(request)
    except (HTTPException, EnvmgrError):
        return None


def shown(request: Request) -> str | None:
    """What is kept of the token or the session that a request shows; None where it shows neither."""
    authorization = request.headers.get("authorization")
    secret = request.cookies.get(sessions.COOKIE) if authorization is None else _parts(authorization)[1]
    return kept(secret) if secret is not None else None


async def asked(request: Request, person: Annotated[Person, Depends(asker)]) -> Runtime:
    """The runtime for who asks: its commands refuse what she may not do."""
    return door_of(request).of(person)


Asked = Annotated[Runtime, Depends(asked)]


def _by_token(request: Request, authorization: str) -> Person:
    scheme, secret = _parts(authorization)
    person = tokens.recognised(door_of(request).runtime, secret) if scheme == "bearer" else None
    if person is None:
        raise HTTPException(401, "This token is not (or no longer) valid: `envmgr token create` makes one.")
    request.app.state.known.note(kept(secret), str(person.asker))
    return person


def _parts(authorization: str) -> tuple[str, str]:
    scheme, _, secret = authorization.partition(" ")
    return scheme.lower(), secret.strip()


def _by_session(request: Request) -> Person | None:
    session = sessions.find(request)
    if session is None:
        return None
    # Only here: a browser adds a cookie by itself, to what other sites have it send as well; a token it does
    # not.
    if request.method not in SAFE and not is_same(session.csrf, request.headers.get(CSRF_HEADER, "")):
        raise HTTPException(403, f"A write from the page needs its {CSRF_HEADER}: load the page again.")
    return sessions.person_of(request, session)
