"""Terraform as a child process, and what is watched of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.environment import Changes, Output, ProcessId

from .sign_in import Holder

Redact = Callable[[str], str]
"""Gives the text back with every known secret value replaced."""


@dataclass(frozen=True, slots=True)
class KeptModules:
    """Modules from elsewhere that an environment was applied with: known by a digest.

    `archive` writes them to a file, if they are kept, and says whether they are.
    """

    digest: str
    archive: Callable[[Path], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where one environment's Terraform runs.

    `root` is the module's folder (the working directory), `data` its `TF_DATA_DIR` (outside the
    checkout, so that it survives the next one). `variables` become `TF_VAR_…`, `environment` is given to
    the process as it is, `backend` (type, settings with the key) is written as a `*.tf.json` override.
    `lock_file` is the `.terraform.lock.hcl` text to use where the code brings none. `folder` is the root's path in
    the branch, for messages. `stands_for` is the type of the backend that the code may leave to be filled in, where
    another is used for once. Modules from elsewhere are exactly the kept `modules`, where these are given; else those
    by a moving ref are read anew for each `commit`. `temporary` is its `TMPDIR`, which stays between a plan and its
    apply: beside `data` where none is given. `memory` limits that of Terraform, and of each provider, in bytes. `cage`
    is what confines all that runs there, and `checkout` the folder of the code that may be seen from it: `root` where
    none is given, `outside` folders elsewhere on this host that are the environment's, too. `holder` is whose credentials its commands get, None where those in `environment` are for all of them;
    `initial` then gives the variables that `init` gets in their place.
    """

    root: Path
    data: Path
    binary: str
    backend: tuple[str, Mapping[str, object]]
    variables: Mapping[str, object]
    environment: Mapping[str, str] = field(repr=False)
    lock_file: str | None = None
    folder: str = ""
    stands_for: str = ""
    commit: str = ""
    modules: KeptModules | None = None
    temporary: Path | None = None
    memory: int | None = None
    cage: CageRules = field(default_factory=CageRules)
    checkout: Path | None = None
    outside: tuple[Path, ...] = ()
    holder: Holder | None = None
    initial: Callable[[], AbstractContextManager[Mapping[str, str]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformLimits:
    """What Terraform may use for a branch's code, in bytes.

    `memory` is of Terraform and of each provider, `code` of all code and variable files of one folder.
    """

    memory: int = 4 * 1024**3
    code: int = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step that Terraform reports while it runs: a resource's address and what happens to it.

    `phase` is Terraform's own message type (`planned_change apply_start apply_progress apply_complete
    apply_errored refresh_start diagnostic change_summary …`), `text` the line for people. `failing_check` says which
    `check` of the code does not hold, empty where it tells of none.
    """

    phase: str
    text: str
    address: str = ""
    action: str = ""
    elapsed: float | None = None
    failing_check: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What wants to know about a running Terraform.

    `log` is the run's log file (appended to, redacted); `progress` is called for every step, `started`
    with each child process, before it is waited for. `stop` says whether to end Terraform now
    (SIGINT first): asked several times a second. `quiet` is told as often for how long the child has neither said
    anything new nor used the processor.
    """

    log: Path
    redact: Redact = lambda text: text
    progress: Callable[[Progress], None] = lambda _: None
    started: Callable[[ProcessId], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    quiet: Callable[[timedelta], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A saved plan that was taken out of reach of what made it, and the SHA-256 of its content.

    By that digest what was checked and shown is known to be what is applied.
    """

    path: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A plan that was saved: the file, whether it changes anything, the counts, and the lock file's text.

    `modules` identifies the modules from elsewhere, `moving` names those whose source may give other code tomorrow.
    `unrefreshed` is the error because of which the cloud was not looked at first, if any.
    """

    file: PlanFile
    has_changes: bool
    changes: Changes
    lock_file: str | None
    modules: str = ""
    moving: tuple[str, ...] = ()
    unrefreshed: str = ""


@dataclass(frozen=True, slots=True)
class Attended:
    """What a Terraform came to that outlived the process that started it, by its own output.

    `applied` are the changes of an apply that ended with success, its state written; None where the output
    does not say so. `error` is the error it printed, if any.
    """

    applied: Changes | None = None
    error: str = ""


class Terraform(Protocol):
    """Terraform (or OpenTofu) as a child process; one command at a time in one workspace.

    Failures: NeedsPerson (code that does not parse, a missing variable, a backend block of its own),
    Transient (a provider's or the network's error, a time-out), RetryLater (the state is locked).
    The message names file and line where Terraform gave them.
    """

    def version(self, binary: str) -> str:
        """The binary's version, `1.11.4`; without starting it where it did not change since last asked.

        Raises NeedsPerson where it is absent, too old or no Terraform.
        """
        ...

    def plan(self, workspace: Workspace, out: Path, watch: Watch, *, destroy: bool = False) -> PlanResult:
        """Initialises where needed, plans and saves the plan at `out`, where nothing may be yet.

        A plan to destroy that fails at a data source, or at a condition, is made once more without a refresh.
        """
        ...

    def pack_modules(self, data: Path, digest: str, archive: Path) -> bool:
        """Writes the modules from elsewhere in a workspace's data folder to an archive.

        False where they are others than the digest says.
        """
        ...

    def show(self, workspace: Workspace, plan: PlanFile) -> Plan:
        """What a saved plan holds."""
        ...

    def document(self, workspace: Workspace, plan: PlanFile) -> Mapping[str, Any]:
        """What a saved plan holds as Terraform's own JSON document (format version 1.x), with all secrets in it."""
        ...

    def findings(self, workspace: Workspace, check: Literal["validate", "fmt"]) -> Sequence[str]:
        """What Terraform's own check of the code finds, each in a sentence."""
        ...

    def render(self, workspace: Workspace, plan: PlanFile) -> str:
        """A saved plan in Terraform's own words, for people; sensitive values are masked by Terraform."""
        ...

    def apply(self, workspace: Workspace, plan: PlanFile, watch: Watch) -> Mapping[str, Output]:
        """Applies exactly a saved plan and gives the outputs (sensitive ones without value).

        Raises StalePlan where the state moved on since the plan was made, or the file is not the plan of its digest.
        """
        ...

    def adopt(self, workspace: Workspace, child: ProcessId | None, watch: Watch) -> Attended:
        """Attends a Terraform that another process started, with time limit and log, until it has ended.

        `child` is None where it is dead already: then only its output is read.
        """
        ...

    def push_errored_state(self, workspace: Workspace, watch: Watch) -> bool:
        """Pushes an `errored.tfstate` that an earlier apply left; False where there is none."""
        ...

    def unlock(self, workspace: Workspace, lock_id: str, watch: Watch) -> None:
        """Breaks the state lock with exactly this ID (`force-unlock`)."""
        ...
