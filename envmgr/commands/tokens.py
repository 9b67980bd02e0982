"""Tokens: made, listed, revoked and recognised."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.domain.errors import Forbidden, NeedsPerson, NotThere, UsageError
from envmgr.domain.rules.access.roles import by_token
from envmgr.domain.rules.access.secrets import as_token, is_token, kept
from envmgr.domain.values.asking.person import Action, Kind, Person, Role, place_name
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

    Raises UsageError for a name or a place that cannot be, Forbidden or NotThere where somebody may not, and NeedsPerson
    where the name is taken.
    """
    _check_name(wish)
    _check_may(runtime, wish)
    _check_place(runtime, wish)
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
        expires_at=_end(runtime, wish),
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
    return place_name(token.organization, token.repository)


def _check_name(wish: Wish) -> None:
    if _NAME.fullmatch(wish.name) is None:
        raise UsageError(
            f"{wish.name[:80]!r} is no name for a token: give up to 64 letters, digits, dots, dashes or underscores, such as ci."
        )


def _check_place(runtime: Runtime, wish: Wish) -> None:
    services, organization, repository = runtime.services, wish.organization, wish.repository
    if repository is not None and organization is None:
        raise UsageError("A repository's token needs its organization, too.")
    if organization is not None and organization not in services.organizations:
        raise UsageError(f"There is no organization {organization!r} in the configuration.")
    if not _is_there(runtime, wish):
        raise UsageError(f"There is no repository {repository!r} in {organization}.")


def _is_there(runtime: Runtime, wish: Wish) -> bool:
    names = {r.name for r in runtime.services.repositories if r.organization == wish.organization}
    return wish.repository is None or wish.repository in names


def _check_may(runtime: Runtime, wish: Wish) -> None:
    """Only an admin of all that the token would be good for; who may not know of a place learns nothing of it."""
    person, organization, repository = runtime.person, wish.organization, wish.repository
    if organization is None:
        if not is_of_all(runtime):
            raise Forbidden(
                f"You ({person.asker}) may not make a token of all organizations: it takes the role admin in all that are and "
                "will be, by a token of all or on the host. Name an organization.",
                Role.ADMIN,
            )
        return
    if not person.is_on_host and not _is_there(runtime, wish):
        raise NotThere(f"There is no {organization}/{repository}, or you may not see it.")
    check(runtime, Action.TOKENS, organization, repository)
    own_say = [r for o, r in person.roles if o == organization and r is not None and repository is None]
    if not all(may(runtime, Action.TOKENS, organization, each) for each in own_say):
        raise Forbidden(
            f"You ({person.asker}) may not make a token of all {organization}: you are no admin of some of its repositories. "
            "Name a repository.",
            Role.ADMIN,
        )


def _end(runtime: Runtime, wish: Wish) -> datetime | None:
    """When a token ends. What a token makes ends no later than itself: else it would never end."""
    own, now = _own(runtime), runtime.services.clock()
    wished = now + wish.expires if wish.expires is not None else None
    if own is None or own.expires_at is None:
        return wished
    if wished is not None and wished > own.expires_at:
        raise NeedsPerson(
            f"The token {own.name} ends at {own.expires_at:%Y-%m-%d %H:%M} UTC, and what it makes no later: give a shorter life."
        )
    return wished or own.expires_at


def _own(runtime: Runtime) -> Token | None:
    """The token that asks, where it is one."""
    asker = runtime.person.asker
    found = runtime.services.store.tokens.all() if asker.kind is Kind.TOKEN else ()
    return next((token for token in found if token.name == asker.name), None)


def is_of_all(runtime: Runtime) -> bool:
    """Whether somebody is an admin of all organizations, those to come included."""
    own = _own(runtime)
    has_all = own is not None and own.organization is None and own.role is Role.ADMIN
    return runtime.person.is_on_host or has_all


def _may(runtime: Runtime, organization: str | None, repository: str | None) -> bool:
    if organization is None:
        return is_of_all(runtime)
    return may(runtime, Action.TOKENS, organization, repository)
