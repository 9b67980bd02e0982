"""How the hosts of a server stand, as it tells of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.host import Host, HostStatus, Standing
from envmgr.domain.values.names import EnvironmentId

from . import parsing
from .connection import Connection

_LONGEST = 10**9


def known(connection: Connection) -> list[Standing]:
    """All hosts of a server."""
    return [found for found, _ in told(connection)]


def holding(found: parsing.Object, of: EnvironmentId) -> Standing | None:
    """The host that works on an environment, as an object in full says it; None where none does, or that is not said."""
    host = found.get("host")
    if host is None:
        return None
    status, heard = HostStatus(host["status"]), parsing.some_moment(host["heard_at"])
    owner = ProcessId(parsing.text(host["name"]), "", 0, 0, parsing.text(host["id"]))
    lease = Lease(environment=of, generation=0, owner=owner, purpose="", acquired_at=heard, expires_at=heard)
    return Standing(host=_host(owner, status, heard), status=status, works_on=(lease,))


def _host(owner: ProcessId, status: HostStatus, heard: datetime) -> Host:
    """A host of which a server says no more."""
    return Host(
        process=owner,
        version="",
        schema="",
        serves=status is not HostStatus.STOPPED,
        draining=status is HostStatus.DRAINING,
        started_at=heard,
        beat_at=heard,
        silence=timedelta(),
    )


def told(connection: Connection) -> list[tuple[Standing, Any]]:
    """All hosts of a server, each beside the object that told of it."""
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
    host = replace(
        _host(owner, status, heard),
        version=parsing.text(found["version"]),
        started_at=parsing.some_moment(found["started_at"]),
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
