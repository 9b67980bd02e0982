"""What is worked on first where more is due than there are places."""

from dataclasses import dataclass
from enum import IntEnum

from envmgr.domain.values.names import EnvironmentId


class Priority(IntEnum):
    """For whose sake an environment is looked at, the greater one first: a person waits for it, a push, the clock, nobody."""

    DRIFT = 0
    SCHEDULE = 1
    PUSH = 2
    PERSON = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """An environment whose turn it is to be looked at; `number` is the queue's own."""

    environment: EnvironmentId
    number: int
