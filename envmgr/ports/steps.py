"""Steps: the commands of a branch that run on the ops host, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from envmgr.domain.step import Step

from .terraform import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    """What a step may use; None is no limit.

    `memory` (bytes of private writable memory), `cpu_seconds` and `processes` (of all that run as envmgr's user)
    hold for each single process of the step, `output` (bytes) for all that the step prints.
    """

    memory: int | None = None
    cpu_seconds: int | None = None
    processes: int | None = None
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a step runs and what it gets.

    `checkout` is its working directory; `home`, `temporary` and `cache` are folders of its own, made where
    they are missing. `environment` is all that it gets beside a few variables that say how to reach things
    (`PATH`, language, proxies).
    """

    checkout: Path
    home: Path
    temporary: Path
    cache: Path
    environment: Mapping[str, str] = field(repr=False)
    limits: StepLimits


class Steps(Protocol):
    """Runs steps as child processes; what they leave running is theirs."""

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """Runs one step to its end; its output goes to the run's log.

        Raises StepFailed where it did not end with exit code 0 within its limits, Interrupted where
        `watch.stop` ended it, NeedsPerson where this host cannot run steps in this way.
        """
        ...
