"""Who somebody on a forge is here: by login, ID, or what she may do in the repository there."""

from collections.abc import Mapping

from envmgr.domain.values.asking.person import Asker, Kind, Person, Role
from envmgr.domain.values.forge import ForgeKind, ForgePerson, Permission
from envmgr.domain.values.names import RepositoryId

_ID, _PERMISSION = "id:", "permission:"
_INCLUDES = {
    Permission.READ: (Permission.READ,),
    Permission.WRITE: (Permission.READ, Permission.WRITE),
    Permission.ADMIN: (Permission.READ, Permission.WRITE, Permission.ADMIN),
}


def asker_on(kind: ForgeKind, person: ForgePerson, permission: Permission) -> Asker:
    """Somebody on a forge, with what is known of her when she asks: `github:carol`."""
    may = tuple(f"{_PERMISSION}{each}" for each in _INCLUDES.get(permission, ()))
    return Asker(Kind.FORGE, f"{kind}:{person.login}", (f"{_ID}{person.id}", *may))


def on_forge(asker: Asker, repository: RepositoryId, members: Mapping[Role, tuple[str, ...]]) -> Person:
    """The same with the role that a repository's configuration gives her, of several the highest."""
    role = next((each for each in reversed(Role) if any(_is(asker, m) for m in members.get(each, ()))), None)
    return Person(asker, {(repository.organization, repository.name): role})


def login_of(asker: Asker) -> str:
    """Her login alone."""
    return asker.name.partition(":")[2]


def identity_of(asker: Asker) -> str:
    """By what her forge knows her, whatever she calls herself: `id:1234`; empty for who comes by another door."""
    if asker.kind is not Kind.FORGE:
        return ""
    return next((group for group in asker.groups if group.startswith(_ID)), "")


def is_person(entry: str, person: ForgePerson) -> bool:
    """Whether an entry, a login or `id:ID`, means somebody; no login passes for an ID."""
    if entry.startswith(_ID):
        return entry == f"{_ID}{person.id}"
    return _is_same_name(entry, person.login)


def _is(asker: Asker, member: str) -> bool:
    """Whether an entry means her; no login passes for an ID or a permission."""
    if member.startswith((_ID, _PERMISSION)):
        return member in asker.groups
    return _is_same_name(member, login_of(asker))


def _is_same_name(one: str, other: str) -> bool:
    """Forges do not tell the cases of letters apart; beyond ASCII another case may be another person's name, as of a long s."""
    is_plain = one.isascii() and other.isascii()
    return one == other or (is_plain and one.lower() == other.lower())
