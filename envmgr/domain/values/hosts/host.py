"""A host that works by these records, as it told of itself last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from envmgr.domain.values.environment import Lease, ProcessId

from .terms import TERMS

SILENT = TERMS.silent
"""So long after its last beat (three are missed by then) a host counts as silent."""
IDLE = TERMS.idle
"""So long after its last beat the duties of a host are taken by others."""
GONE = TERMS.gone
"""So long after its last beat a host has no lease any more, and has ended the Terraform that it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """By which configuration an organization is worked on: its digest, and when that was first seen anywhere."""

    digest: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a process says of its host. `configurations` are digests by organization; `serves` says that it is a daemon.

    `ahead` says how far the host's clock is ahead of the database's for sure; negative where it is behind.
    """

    process: ProcessId
    version: str
    configurations: Mapping[str, str] = field(default_factory=dict)
    serves: bool = False
    ahead: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host by its last report. All times are the database's.

    `process` is who reported last, `schema` the revision that it knows. `serves` says whether a daemon works there that
    has not come to an orderly end, `draining` that it is to take no new work, `silence` how long it has said nothing.
    `ahead` says how far its clock is ahead of the database's; negative where it is behind. `refused` says why it is none of
    the hosts that work, where another one has its name or its ID.
    """

    process: ProcessId
    version: str
    schema: str
    serves: bool
    draining: bool
    started_at: datetime
    beat_at: datetime
    silence: timedelta
    ahead: timedelta = timedelta()
    configurations: Mapping[str, Configured] = field(default_factory=dict)
    refused: str = ""

    @property
    def id(self) -> str:
        """By what it is known, whatever it is called."""
        return self.process.machine

    @property
    def name(self) -> str:
        """What it is called."""
        return self.process.host

    @property
    def is_silent(self) -> bool:
        """Whether its daemon should have said something by now."""
        return self.serves and self.silence > SILENT

    @property
    def lives(self) -> bool:
        """Whether a daemon works there, as far as is known."""
        return self.serves and not self.is_silent

    @property
    def is_gone(self) -> bool:
        """Whether nothing that it began can still be at work, nor anybody there."""
        return self.silence > GONE


class HostStatus(StrEnum):
    """How a host stands."""

    WORKING = "working"
    PASSIVE = "passive"
    DRAINING = "draining"
    SILENT = "silent"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a host stands, why it takes no work, and what it works on."""

    host: Host
    status: HostStatus
    why: str = ""
    works_on: tuple[Lease, ...] = ()
