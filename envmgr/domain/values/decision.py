"""What may be done with one environment: the outcomes of `decide`, each with the sentence that says why."""

from dataclasses import dataclass
from datetime import datetime

from .environment import Guard, Status, Suspension, Waits


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do; without a `reason` its record says all there is. `until` is when to look again, if ever, although nothing happened."""

    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Held back: by the guard `hold` until a person approves, or by time `until`; `waits` is what its record is to say."""

    reason: str
    waits: Waits
    until: datetime | None = None
    hold: Guard | None = None


@dataclass(frozen=True, slots=True)
class Apply:
    """Bring the cloud to the branch's newest commit."""

    reason: str


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until what was deployed is healthy."""

    @property
    def reason(self) -> str:
        """None: its record says what is waited for."""
        return ""


@dataclass(frozen=True, slots=True)
class Test:
    """Run the tests of what is there and healthy."""

    __test__ = False  # pytest takes a class of such a name for tests

    reason: str


@dataclass(frozen=True, slots=True)
class GoBack:
    """Try once more to bring the last healthy commit back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy all it has, verify, and leave it as `then` with the reason `because`."""

    reason: str
    then: Status
    because: str = ""
    by: Suspension | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Bring it down by its schedule's own commands, with all it has left in place."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warn:
    """Say that its life ends soon; `at` is the warning time that this is for.

    `ends` is the end that a warning which comes too late gives it; None where it ends as it was to.
    """

    reason: str
    at: datetime
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing was ever applied and the branch is surely gone: only the record is closed."""

    reason: str


Decision = Rest | Wait | Apply | Await | Test | GoBack | Destroy | Stop | Warn | Close
