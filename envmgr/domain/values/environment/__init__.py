"""An environment as envmgr knows it, and the runs, leases and events that belong to it."""

from .claim import Claim, Output, Source, SourceKind
from .origin import FROM_BRANCH, Origin, OriginKind
from .parts import (
    NO_FAILURE,
    NO_HOLD,
    NOTHING_APPLIED,
    Absence,
    Applied,
    Failure,
    Guard,
    Hold,
    Life,
    Pin,
    Suspended,
    Suspension,
    Waits,
    WaitsFor,
)
from .record import AT_WORK, Environment, Status
from .tagged import Offered, Tagged
from .work import Changes, Event, Lease, ProcessId, RepositoryState, Run, RunEnd, RunKind, RunStatus

__all__ = [
    "AT_WORK",
    "FROM_BRANCH",
    "NOTHING_APPLIED",
    "NO_FAILURE",
    "NO_HOLD",
    "Absence",
    "Applied",
    "Changes",
    "Claim",
    "Environment",
    "Event",
    "Failure",
    "Guard",
    "Hold",
    "Lease",
    "Life",
    "Offered",
    "Origin",
    "OriginKind",
    "Output",
    "Pin",
    "ProcessId",
    "RepositoryState",
    "Run",
    "RunEnd",
    "RunKind",
    "RunStatus",
    "Source",
    "SourceKind",
    "Status",
    "Suspended",
    "Suspension",
    "Tagged",
    "Waits",
    "WaitsFor",
]
