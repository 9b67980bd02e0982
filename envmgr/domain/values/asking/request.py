"""What somebody asked for over the network: written down first, then done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.names import EnvironmentId

from .person import Action, Asker


class RequestStatus(StrEnum):
    """How a request stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self not in (RequestStatus.WAITING, RequestStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A wish, and what became of it.

    `environment` is one, with all its applications where it names none. `commit` is what its branch pointed at when it
    was asked for, and `options` are the verb's own. `key` is what its asker calls it, so that it is written down once
    however often it is sent, and `digest` of what came by that key. `owner` is the process that does it; `result` is what it gave.
    """

    id: int = 0
    environment: EnvironmentId
    action: Action
    options: Mapping[str, Any] = field(default_factory=dict)
    asker: Asker
    commit: str
    asked_at: datetime
    key: str | None = None
    digest: str = ""
    status: RequestStatus = RequestStatus.WAITING
    message: str = ""
    owner: ProcessId | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
