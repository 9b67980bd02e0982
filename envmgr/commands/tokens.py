"""Tokens: made, listed, revoked and recognised."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from envmgr.domain.errors import NeedsPerson, NotThere, UsageError
from envmgr.domain.rules.access.roles import by_token
from envmgr.domain.rules.access.secrets import as_token, is_token, kept
from envmgr.domain.values.asking.person import Action, Person, Role
from envmgr.domain.values.asking.token import Token

from .access import check, may
from .runtime import Runtime

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_USE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A token that somebody wants: its name, its role, where that holds (nowhere said: everywhere), and for how long."""

    name: str
    role: Role
    organization: str | None = None
    repository: str | None = None
    expires: timedelta | None = None


def create(runtime: Runtime, wish: Wish) -> tuple[str, Token]:
    """Makes a token; gives its secret, which is kept nowhere, and what is recorded of it.

    Raises UsageError for a name or a place that cannot be, and NeedsPerson where the name is taken.
    """
    _check_place(runtime, wish)
    _check_may(runtime, wish.organization, wish.repository)
    services, secret = runtime.services, as_token(secrets.token_urlsafe(32))
    now = services.clock()
    token = Token(
        name=wish.name,
        digest=kept(secret),
        role=wish.role,
        organization=wish.organization,
        repository=wish.repository,
        created_at=now,
        created_by=services.actor,
        expires_at=now + wish.expires if wish.expires is not None else None,
    )
    if not services.store.tokens.add(token):
        raise NeedsPerson(f"There is a token {wish.name} already: revoke it first, or choose another name.")
    services.record(None, "token-created", f"Token {wish.name}: {wish.role} in {place_of(token)}.")
    return secret, token


def listed(runtime: Runtime) -> Sequence[Token]:
    """The tokens that somebody may make and revoke, by name."""
    return [t for t in runtime.services.store.tokens.all() if _may(runtime, t.organization, t.repository)]


def revoke(runtime: Runtime, name: str) -> Token:
    """Ends a token at once. Raises NotThere where there is none of that name that somebody may revoke."""
    services = runtime.services
    found = next((t for t in listed(runtime) if t.name == name), None)
    if found is None or not services.store.tokens.remove(name):
        raise NotThere(f"There is no token {name!r} that you may revoke: `envmgr token list` shows them.")
    services.record(None, "token-revoked", f"Token {name}: {found.role} in {place_of(found)}.")
    return found


def recognised(runtime: Runtime, secret: str) -> Person | None:
    """Who a secret says that she is; None where it is no token's, or that has expired."""
    return recognised_by_digest(runtime, kept(secret)) if is_token(secret) else None


def recognised_by_digest(runtime: Runtime, digest: str) -> Person | None:
    """Who the token with a digest is; None where there is none (any more), or that has expired."""
    services = runtime.services
    token, now = services.store.tokens.find(digest), services.clock()
    if token is None or not token.is_valid(now):
        return None
    if token.used_at is None or now - token.used_at >= _USE:
        services.store.tokens.note_use(token.name, now)
    return by_token(token, services.organizations)


def place_of(token: Token) -> str:
    """Where a token's role holds, for people."""
    if token.organization is None:
        return "all organizations"
    return f"{token.organization}/{token.repository}" if token.repository else token.organization


def _check_place(runtime: Runtime, wish: Wish) -> None:
    if _NAME.fullmatch(wish.name) is None:
        raise UsageError(
            f"{wish.name[:80]!r} is no name for a token: give up to 64 letters, digits, dots, dashes or underscores, such as ci."
        )
    services, organization, repository = runtime.services, wish.organization, wish.repository
    if repository is not None and organization is None:
        raise UsageError("A repository's token needs its organization, too.")
    if organization is not None and organization not in services.organizations:
        raise UsageError(f"There is no organization {organization!r} in the configuration.")
    names = {r.name for r in services.repositories if r.organization == organization}
    if repository is not None and repository not in names:
        raise UsageError(f"There is no repository {repository!r} in {organization}.")


def _check_may(runtime: Runtime, organization: str | None, repository: str | None) -> None:
    """Only an admin of the place; what holds everywhere takes an admin of everything."""
    for name in runtime.services.organizations if organization is None else (organization,):
        check(runtime, Action.TOKENS, name, repository)


def _may(runtime: Runtime, organization: str | None, repository: str | None) -> bool:
    names = runtime.services.organizations if organization is None else (organization,)
    return runtime.person.is_on_host or all(may(runtime, Action.TOKENS, name, repository) for name in names)
