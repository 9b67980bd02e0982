"""Tokens, and sessions of people who signed in: by what a request over the network is known."""

from dataclasses import dataclass
from datetime import datetime

from .person import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is recorded: its secret is known to its owner alone.

    `role` holds in a repository, in an organization, or (both None) in all of them. `expires_at` None is never;
    `used_at` is the last use, to the minute.
    """

    name: str
    digest: str
    role: Role
    organization: str | None = None
    repository: str | None = None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in at the page; `digest` is of what her browser keeps, `csrf` must come with each write.

    `token` is the digest of the token that she signed in with, None where it was no token: she is what that is, as long
    as it is valid.
    """

    digest: str
    name: str
    groups: tuple[str, ...]
    csrf: str
    created_at: datetime
    expires_at: datetime
    token: str | None = None
