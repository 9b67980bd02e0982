"""Signing in by a proxy in front that says who somebody is: believed only from where the configuration says."""

from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.domain.rules.access.roles import signed_in
from envmgr.domain.values.asking.person import Person
from envmgr.web.door import door_of
from envmgr.web.forwarded import is_believed

from .oidc import is_name
from .visitor import SAFE, is_from_elsewhere


def by_proxy(request: Request) -> Person | None:
    """Who the proxy says that somebody is; None where there is no such proxy, or it says nothing.

    Raises 403 where another site's page has her browser write something: the proxy would say who she is all the same.
    """
    name, door = named(request), door_of(request)
    settings = door.settings.proxy
    if name is None or settings is None:
        return None
    if request.method not in SAFE and _is_forged(request):
        raise HTTPException(403, "This was not sent from envmgr's own page.")
    listed = _only(request, settings.groups_header) if settings.groups_header else None
    groups = [group.strip() for group in (listed or "").split(",")]
    return signed_in(name, filter(is_name, groups), door.runtime.access)


def named(request: Request) -> str | None:
    """The name that the proxy gives; None where there is no such proxy, or it gives none."""
    settings = door_of(request).settings.proxy
    if settings is None or settings.user_header is None or not is_believed(request, settings):
        return None
    return _only(request, settings.user_header)


def _only(request: Request, header: str) -> str | None:
    """A header that is there once; twice means that somebody else than the proxy wrote one of them."""
    found = request.headers.getlist(header)
    if len(found) != 1 or not is_name(found[0].strip()):
        return None
    return found[0].strip()


def _is_forged(request: Request) -> bool:
    """Whether a browser says that this comes from another site; a program says nothing of it."""
    origin, public = request.headers.get("origin"), door_of(request).settings.public_url
    # An origin without a host is one that a browser keeps to itself: `null`, as of a page in a sandbox.
    hosts = {request.headers.get("host"), urlsplit(public or "").netloc} - {None, ""}
    return is_from_elsewhere(request) or (origin is not None and urlsplit(origin).netloc not in hosts)
