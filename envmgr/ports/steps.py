"""Steps: the commands of a branch that run on the ops host, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from envmgr.domain.values.cage import CageRules, Purpose
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Step

from .terraform import Watch

SandboxKind = Literal["none", "bwrap"]


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

    `checkout` holds the commit, and `folder` in it is where the step's application is. `home`, `temporary` and
    `cache` are folders of its own, made where they are missing. `environment` is all that it gets beside a few
    variables that say how to reach things (`PATH`, language, proxies), and `outputs`: Terraform's outputs as variables,
    of which those are left out that no process can be given. `remarks` are for its log. `readable` are files of ours
    that it is told of, to be read in a sandbox too. `cage` confines it, by what it is there for (`purpose`); `sandbox` is
    the older way. `outside` are folders elsewhere on this host that are the environment's, too.
    """

    checkout: Path
    folder: str = "."
    home: Path
    temporary: Path
    cache: Path
    environment: Mapping[str, str] = field(repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict, repr=False)
    remarks: tuple[str, ...] = ()
    limits: StepLimits
    sandbox: SandboxKind = "none"
    cage: CageRules = field(default_factory=CageRules)
    purpose: Purpose = Purpose.DEPLOY
    readable: tuple[Path, ...] = ()
    outside: tuple[Path, ...] = ()

    @property
    def directory(self) -> Path:
        """The working directory, which a step's paths are relative to."""
        return self.checkout / self.folder


class Deployer(Protocol):
    """Does one kind of steps: commands, sites, zip files.

    Whoever uploads takes `place.environment` for the credentials, has its texts' outputs filled in already, heeds
    `step.timeout` and `watch.stop`, and writes to the run's log what it did.
    """

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """Does one step to its end; what it says goes to the run's log.

        Raises StepFailed where it did not end with exit code 0 within its limits, Interrupted where
        `watch.stop` ended it, NeedsPerson where this host cannot run steps in this way.
        """
        ...


class Steps(Deployer, Protocol):
    """Runs commands as child processes; what they leave running is theirs."""

    def end(self, child: ProcessId) -> bool:
        """Ends a step that a process of ours had started and left running, with its whole group, politely first.

        False, and nothing is done, where it is not beyond doubt that very process of this host.
        """
        ...
