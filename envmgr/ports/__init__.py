"""What the shell around the core needs from the world, as Protocols; `adapters/` makes them true.

All of them are called from worker threads, several at once. Failures are `domain.errors`.
"""

from collections.abc import Callable
from datetime import datetime

from .cloud import Cloud, StateStore
from .git import CommitInfo, Git, GitLimits, Inspection, Remote
from .health import Probe
from .kept import Binaries, Modules, Providers
from .pipeline import Builds
from .policy import Findings, Policies
from .processes import RUN_MARK, Processes
from .sign_in import Holder, SignIn, as_given
from .steps import Deployer, Place, SandboxKind, StepLimits, Steps
from .store import LeaseTaken, Store
from .terraform import (
    Attended,
    KeptModules,
    PlanFile,
    PlanResult,
    Progress,
    Redact,
    Terraform,
    TerraformLimits,
    Watch,
    Workspace,
)

Clock = Callable[[], datetime]
"""Gives the present as an aware UTC datetime."""

__all__ = [
    "RUN_MARK",
    "Attended",
    "Binaries",
    "Builds",
    "Clock",
    "Cloud",
    "CommitInfo",
    "Deployer",
    "Findings",
    "Git",
    "GitLimits",
    "Holder",
    "Inspection",
    "KeptModules",
    "LeaseTaken",
    "Modules",
    "Place",
    "PlanFile",
    "PlanResult",
    "Policies",
    "Probe",
    "Processes",
    "Progress",
    "Providers",
    "Redact",
    "Remote",
    "SandboxKind",
    "SignIn",
    "StateStore",
    "StepLimits",
    "Steps",
    "Store",
    "Terraform",
    "TerraformLimits",
    "Watch",
    "Workspace",
    "as_given",
]
