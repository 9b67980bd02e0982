"""From the names, groups and tokens of a configuration to what a person may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from envmgr.domain.values.asking.person import Action, Asker, Kind, Person, Place, Role, least
from envmgr.domain.values.asking.token import Token

GROUP = "group:"
"""What an entry begins with that names a group of the sign-in."""
EVERYBODY = "*"

Members = Mapping[Role, tuple[str, ...]]
"""Who has a role: names, `group:NAME`, or `*` for everybody who signed in."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The roles of an organization, and of those of its repositories that have their own in their place."""

    members: Members = field(default_factory=dict)
    repositories: Mapping[str, Members] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowed:
    """She may."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """She may see it, and not do that: it needs the role `needed`."""

    needed: Role


@dataclass(frozen=True, slots=True)
class Invisible:
    """She may not even know that it is there."""


Answer = Allowed | Forbidden | Invisible


def may(person: Person, action: Action, organization: str, repository: str | None = None) -> Answer:
    """Whether somebody may do something in an organization, or in one of its repositories."""
    role = person.role(organization, repository)
    if role is None:
        return Invisible()
    needed = least(action)
    return Allowed() if role.includes(needed) else Forbidden(needed)


def signed_in(name: str, groups: Iterable[str], rules: Mapping[str, Rules]) -> Person:
    """Somebody who signed in, with what the rules of each organization give her."""
    asker = Asker(Kind.PERSON, name, tuple(sorted(set(groups))))
    roles: dict[Place, Role | None] = {}
    for organization, rule in rules.items():
        roles[organization, None] = _highest(asker, rule.members)
        for repository, members in rule.repositories.items():
            roles[organization, repository] = _highest(asker, members)
    return Person(asker, roles)


def _highest(asker: Asker, members: Members) -> Role | None:
    # The highest first: whoever is named for several has the one that includes the others.
    return next((role for role in reversed(Role) if any(_is(asker, e) for e in members.get(role, ()))), None)


def _is(asker: Asker, entry: str) -> bool:
    """Whether an entry means somebody. A name that looks like a group is nobody's group."""
    if entry == EVERYBODY:
        return True
    if entry.startswith(GROUP):
        return entry.removeprefix(GROUP) in asker.groups
    return entry == asker.name


def by_token(token: Token, organizations: Iterable[str]) -> Person:
    """Who a token is, with its one role, where that holds among some organizations."""
    roles: dict[Place, Role | None] = {
        (organization, token.repository): token.role
        for organization in organizations
        if token.organization in (None, organization)
    }
    return Person(Asker(Kind.TOKEN, token.name), roles)


def visible(person: Person) -> tuple[Place, ...] | None:
    """The places of which a person may see anything; None where that is all of them.

    A repository is among them where it has its own say, with or without a role: it is `(organization, repository)`,
    and what is left of an organization `(organization, None)`.
    """
    if person.is_on_host:
        return None
    return tuple(sorted((p for p, role in person.roles.items() if role is not None), key=repr))


def hidden(person: Person) -> tuple[Place, ...]:
    """The repositories that a person does not see though she sees what is left of their organization."""
    return tuple(
        (organization, repository)
        for (organization, repository), role in person.roles.items()
        if role is None and repository is not None and person.role(organization) is not None
    )
