"""The hosts of a server: how they stand, and what an admin says of one."""

from typing import Any
from urllib.parse import quote

from envmgr.cli.invocation import Invocation
from envmgr.commands.hosts.standing import chosen
from envmgr.domain.values.hosts.host import Host, Standing

from .standings import told


def standings(invocation: Invocation) -> list[tuple[Standing, Any]]:
    """All hosts of a server, each beside the object that told of it."""
    with invocation.connected() as connection:
        return told(connection)


def drain(invocation: Invocation, name: str, *, draining: bool) -> Host:
    """Says that a host is to take no new work, or that it may again."""
    return _said(invocation, name, "drain" if draining else "undrain")


def forget(invocation: Invocation, name: str) -> Host:
    """Says that a host is gone for good."""
    return _said(invocation, name, "forget")


def _said(invocation: Invocation, name: str, word: str) -> Host:
    with invocation.connected() as connection:
        host = chosen([found.host for found, _ in told(connection)], name)
        connection.post(f"/hosts/{quote(host.id, safe='')}/{word}", {}, "")
    return host
