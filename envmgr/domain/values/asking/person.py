"""Who asks for something, and what such a person may do where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Place = tuple[str, str | None]
"""An organization and one of its repositories; None for the repositories that nothing else is said of."""


def place_name(organization: str, repository: str | None = None) -> str:
    """How messages name a place: `acme`, `acme/shop`."""
    return organization if repository is None else f"{organization}/{repository}"


class Role(StrEnum):
    """What somebody may do; each role may all that those before it may."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether it may all that another role may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)


class Action(StrEnum):
    """What may be asked for of an environment, a repository or an organization."""

    SEE = "see"
    PLAN = "plan"
    DRIFT = "drift"
    APPLY = "apply"
    DESTROY = "destroy"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    SUSPEND = "suspend"
    RESUME = "resume"
    EXTEND = "extend"
    CANCEL = "cancel"
    APPROVE = "approve"
    REJECT = "reject"
    ADOPT = "adopt"
    UNLOCK = "unlock"
    OUTPUTS = "sensitive outputs"
    AUDIT = "audit"
    TOKENS = "tokens"
    MOVE = "move-state"
    FREEZE = "freeze"
    THAW = "thaw"
    HOSTS = "hosts"


_LEAST = {
    Action.SEE: Role.VIEWER,
    **dict.fromkeys((Action.APPROVE, Action.REJECT, Action.FREEZE, Action.THAW), Role.APPROVER),
    **dict.fromkeys(
        (
            Action.ADOPT,
            Action.UNLOCK,
            Action.OUTPUTS,
            Action.AUDIT,
            Action.TOKENS,
            Action.MOVE,
            Action.HOSTS,
        ),
        Role.ADMIN,
    ),
}


def least(action: Action) -> Role:
    """The least role that may do it."""
    return _LEAST.get(action, Role.DEVELOPER)


class Kind(StrEnum):
    """By what a person is known."""

    HOST = "host"
    PERSON = "person"
    FORGE = "forge"
    TOKEN = "token"  # noqa: S105  a word


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: by its `name` and, of those who signed in, their `groups`. Its text is the actor of events.

    Somebody on a forge is named with its kind, `github:carol`; her groups are her ID there and what she may do.
    """

    kind: Kind
    name: str
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind in (Kind.HOST, Kind.FORGE):
            return self.name
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks, with the roles that the configuration or a token gives her.

    `roles` are by place; what it says of a repository counts there in the place of what it says of the organization,
    also where that is None: no role. Who is on the host may do everything.
    """

    asker: Asker
    roles: Mapping[Place, Role | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name, without how she is known."""
        return self.asker.name

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the sign-in named."""
        return self.asker.groups

    @property
    def is_on_host(self) -> bool:
        """Whether she asks at the command line of the host, or it is envmgr itself."""
        return self.asker.kind is Kind.HOST

    def role(self, organization: str, repository: str | None = None) -> Role | None:
        """Her role in an organization, or in one of its repositories; None where she has none."""
        if self.is_on_host:
            return Role.ADMIN
        place = (organization, repository)
        return self.roles[place] if place in self.roles else self.roles.get((organization, None))


def on_host(actor: str) -> Person:
    """Who asks at the command line of the host, by the words that events have for her; envmgr itself, too."""
    return Person(Asker(Kind.HOST, actor))
