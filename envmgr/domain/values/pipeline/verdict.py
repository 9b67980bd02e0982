"""What the tests of an environment said of what it has."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """How one test ended, how long it took, and why it failed."""

    name: str
    outcome: Outcome
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was tested and what came of it, all by one run.

    `on` stands for commit, inputs and tests: while it stays the same they are not run again.
    """

    on: str
    commit: str
    run: int
    at: datetime
    results: tuple[Result, ...] = ()

    @property
    def have_passed(self) -> bool:
        """Whether none of them failed."""
        return all(result.outcome is Outcome.PASSED for result in self.results)

    @property
    def outcome(self) -> Outcome:
        """All of them in one word."""
        return Outcome.PASSED if self.have_passed else Outcome.FAILED
