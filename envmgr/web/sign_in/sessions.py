"""Sessions: somebody signed in once, and her browser keeps a secret that says so."""

import secrets
from collections.abc import Iterable

from starlette.requests import Request

from envmgr.domain.rules.access.secrets import kept
from envmgr.domain.values.asking.token import Session
from envmgr.web.door import Door, door_of

COOKIE = "envmgr_session"
"""What the cookie is called."""


def begin(door: Door, name: str, groups: Iterable[str]) -> tuple[str, Session]:
    """Signs somebody in; gives what her browser is to keep, which is written down nowhere, and the session."""
    secret, now = secrets.token_urlsafe(32), door.now
    session = Session(
        digest=kept(secret),
        name=name,
        groups=tuple(sorted(set(groups))),
        csrf=secrets.token_urlsafe(32),
        created_at=now,
        expires_at=now + door.settings.session,
    )
    door.runtime.services.store.sessions.begin(session)
    return secret, session


def find(request: Request) -> Session | None:
    """The session of a request; None where it has none, or one that is over."""
    secret = request.cookies.get(COOKIE)
    if secret is None:
        return None
    door = door_of(request)
    session = door.runtime.services.store.sessions.find(kept(secret))
    return session if session is not None and session.expires_at > door.now else None


def end(request: Request) -> None:
    """Signs out: nobody who kept the secret can use it any more."""
    secret = request.cookies.get(COOKIE)
    if secret is not None:
        door_of(request).runtime.services.store.sessions.end(kept(secret))
