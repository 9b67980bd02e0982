"""Heads of forks that a server looks after."""

from collections.abc import Sequence

from envmgr.domain.errors import NotThere
from envmgr.views.asking import HeadObject

from . import parsing
from .connection import Connection


def waiting(connection: Connection) -> Sequence[HeadObject]:
    """Those that wait for somebody's yes; none where the server knows of no such thing."""
    try:
        found = list(connection.pages("/pull-requests", {}))
    except NotThere:  # an older one
        return []
    with connection.understood():
        return [parsing.head(each) for each in found]


def approve(connection: Connection, head: HeadObject) -> HeadObject:
    """Says yes to just the commit that was shown."""
    path = f"/pull-requests/{head['organization']}/{head['repository']}/{head['number']}/approve"
    found = connection.post(path, {"commit": head["commit"]}, "")
    with connection.understood():
        return parsing.head(found)
