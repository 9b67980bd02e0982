"""What envmgr has on GitLab, and what it lacks."""

from envmgr.adapters.forge.answer import Object
from envmgr.domain.values.forge import ForgePerson, Permission
from envmgr.ports.forge import ForgeIdentity

from .payloads import end_of

_TOO_WIDE = ("sudo", "admin_mode")


def identity(own: ForgePerson, permission: Permission, token: Object | None) -> ForgeIdentity:
    """Who it is, by what it may do in the project and what GitLab tells of its token; None: nothing."""
    scopes = token.texts("scopes") if token is not None else ()
    missing, too_wide = list[str](), [f"the scope `{scope}`" for scope in scopes if scope in _TOO_WIDE]
    if token is not None and "api" not in scopes:
        missing.append("the scope `api`, without which it may write nothing")
    if not permission.may_write:
        missing.append("the role Developer in the project")
    if permission is Permission.ADMIN:
        too_wide.append("a role above Developer")
    return ForgeIdentity(
        person=own,
        missing=tuple(missing),
        too_wide=tuple(too_wide),
        expires_at=end_of(token) if token is not None else None,
    )
