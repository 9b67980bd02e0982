"""Who may do what in a repository on Azure DevOps, by its access control lists."""

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient
from envmgr.domain.errors import NeedsOperator, NeedsPerson, NotThere
from envmgr.domain.values.forge import ForgePerson, Permission
from envmgr.ports.forge import ForgeIdentity

from .place import VERSION, Place

_NAMESPACE = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"  # Git repositories
_READ, _CONTRIBUTE, _FORCE, _MANAGE, _PULL_REQUESTS = 2, 4, 8, 8192, 16384
_NOBODY = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"  # who is not signed in
_PREVIEW = {"api-version": "7.1-preview"}  # of connectionData there never was another
_NEEDED = {
    _READ: "Read, to see pull requests",
    _PULL_REQUESTS: "Contribute to pull requests, to comment and to set statuses",
}
_TOO_WIDE = {
    _FORCE: "Force push",
    _MANAGE: "Manage permissions",
}


class Rights:
    """Asks what somebody, and envmgr itself, may do."""

    def __init__(self, client: ForgeClient, identities: ForgeClient, place: Place) -> None:
        """By the same clients as the forge."""
        self._client, self._identities, self._place = client, identities, place
        self._known: tuple[str, str] | None = None

    def of(self, person: ForgePerson) -> Permission:
        """What somebody may do; UNKNOWN where envmgr is not told."""
        try:
            descriptor = self._descriptor(person)
            entry = self._entry(descriptor) if descriptor else None
        except (NeedsPerson, NotThere):
            return Permission.UNKNOWN
        return Permission.UNKNOWN if entry is None else permission_of(entry)

    def own(self) -> ForgeIdentity:
        """Who envmgr is there, what it lacks and what it has beyond its need."""
        found = self._client.get("/_apis/connectionData", _PREVIEW).as_object().inner("authenticatedUser")
        if found.text("id") == _NOBODY:
            raise NeedsOperator(
                f"{self._client.dialect.where} does not know the credentials that envmgr has for it: give new ones."
            )
        name = found.text_or("", "properties", "Account", "$value") or found.text_or(
            "", "providerDisplayName"
        )
        return ForgeIdentity(
            person=ForgePerson(id=found.text("id"), login=name[:255], is_bot=True),
            missing=tuple(text for right, text in _NEEDED.items() if not self._may(right)),
            too_wide=tuple(text for right, text in _TOO_WIDE.items() if self._may(right)),
        )

    def _may(self, right: int) -> bool:
        query = {"tokens": self._tokens()[0], "alwaysAllowAdministrators": "false", **VERSION}
        found = self._client.get(f"/_apis/permissions/{_NAMESPACE}/{right}", query).body
        return isinstance(found, dict) and found.get("value") == [True]

    def _descriptor(self, person: ForgePerson) -> str:
        """What the lists call somebody."""
        query = {"identityIds": person.id, **VERSION}
        for each in self._identities.get("/_apis/identities", query).as_object().listed("value"):
            if each.text_or("", "id") == person.id:
                return each.text_or("", "descriptor")
        return ""

    def _entry(self, descriptor: str) -> Object | None:
        """What the repository's list says of somebody, or the project's where the repository has none of its own."""
        for token in self._tokens():
            query = {"token": token, "descriptors": descriptor, "includeExtendedInfo": "true", **VERSION}
            answer = self._client.get(f"/_apis/accesscontrollists/{_NAMESPACE}", query).as_object()
            for acl in answer.listed("value"):
                if acl.text_or("", "token").strip("/") == token and acl.has("acesDictionary", descriptor):
                    return acl.inner("acesDictionary", descriptor)
        return None

    def _tokens(self) -> tuple[str, str]:
        """The names of the repository's list and of the project's."""
        if self._known is None:
            found = self._client.get(self._place.path, VERSION).as_object()
            project = f"repoV2/{found.text('project', 'id')}"
            self._known = (f"{project}/{found.text('id')}", project)
        return self._known


def permission_of(entry: Object) -> Permission:
    """What an entry of an access control list lets somebody do, with all that follows from groups."""
    if not entry.has("extendedInfo"):
        return Permission.UNKNOWN  # what follows from groups is not in the rest
    info = entry.inner("extendedInfo")
    allowed = _bits(info, "effectiveAllow") & ~_bits(info, "effectiveDeny")
    if not allowed & _READ:
        return Permission.NONE
    if not allowed & _CONTRIBUTE:
        return Permission.READ
    return Permission.ADMIN if allowed & _MANAGE else Permission.WRITE


def _bits(info: Object, name: str) -> int:
    return info.number(name) if info.has(name) else 0
