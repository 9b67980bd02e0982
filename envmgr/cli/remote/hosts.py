"""The hosts of a server: how they stand, and what an admin says of one."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from envmgr.cli.invocation import Invocation
from envmgr.commands.hosts.standing import chosen
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.host import Host, HostStatus, Standing
from envmgr.domain.values.names import EnvironmentId

from . import parsing
from .connection import Connection

_LONGEST = 10**9


def standings(invocation: Invocation) -> list[tuple[Standing, Any]]:
    """All hosts of a server, each beside the object that told of it."""
    with invocation.connected() as connection:
        return _told(connection)


def drain(invocation: Invocation, name: str, *, draining: bool) -> Host:
    """Says that a host is to take no new work, or that it may again."""
    return _said(invocation, name, "drain" if draining else "undrain")


def forget(invocation: Invocation, name: str) -> Host:
    """Says that a host is gone for good."""
    return _said(invocation, name, "forget")


def _said(invocation: Invocation, name: str, word: str) -> Host:
    with invocation.connected() as connection:
        host = chosen([found.host for found, _ in _told(connection)], name)
        connection.post(f"/hosts/{quote(host.id, safe='')}/{word}", {}, "")
    return host


def _told(connection: Connection) -> list[tuple[Standing, Any]]:
    found, now = list(connection.pages("/hosts", {})), datetime.now(UTC)
    with connection.understood():
        return [(_standing(each, now), each) for each in found]


def _standing(found: parsing.Object, now: datetime) -> Standing:
    """A host as a server tells of it; an older server does not say for how long it is silent, so this clock has to do."""
    status, heard = HostStatus(found["status"]), parsing.some_moment(found["heard_at"])
    silence = found.get("silence")
    if silence is not None and not 0 <= parsing.number(silence) < _LONGEST:
        raise ValueError(silence)
    owner = ProcessId(parsing.text(found["name"]), "", 0, 0, parsing.text(found["id"]))
    host = Host(
        process=owner,
        version=parsing.text(found["version"]),
        schema="",
        serves=status is not HostStatus.STOPPED,
        draining=status is HostStatus.DRAINING,
        started_at=parsing.some_moment(found["started_at"]),
        beat_at=heard,
        silence=now - heard if silence is None else timedelta(seconds=silence),
    )
    return Standing(
        host=host,
        status=status,
        why=parsing.text(found["why"] or ""),
        works_on=tuple(_lease(each, owner) for each in found["works_on"]),
    )


def _lease(found: parsing.Object, owner: ProcessId) -> Lease:
    environment, _, application = parsing.text(found["environment"]).partition(":")
    organization, repository, name = map(parsing.named, environment.split("/"))
    since = parsing.some_moment(found["since"])
    return Lease(
        environment=EnvironmentId(
            organization, repository, name, parsing.named(application) if application else ""
        ),
        generation=0,
        owner=owner,
        purpose=parsing.text(found["purpose"]),
        acquired_at=since,
        expires_at=since,
    )
