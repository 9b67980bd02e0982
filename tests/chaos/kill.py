"""Who is killed, at what work, and when."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What the killed work was about."""

    CREATE = "create"
    CHANGE = "change"
    DESTROY = "destroy"


class Stage(StrEnum):
    """The same of a life with approvals."""

    PROPOSE = "propose"
    APPROVE = "approve"
    APPLY = "apply what was approved"


class Work(StrEnum):
    """The process that worked: a pass as the daemon makes them, or a command that a person typed."""

    PASS = "daemon"
    COMMAND = "manual command"


class Meanwhile(StrEnum):
    """What becomes of the branch while nobody heeds it, after the kills of a chapter."""

    BACK = "the branch is put back to the commit from before"
    RESTORED = "the deleted branch comes back as it was"
    PUSHED = "the deleted branch comes back with a push"
    OVERTAKEN = "a push while it is destroyed at the end of its life"


class Target(StrEnum):
    """Who gets the SIGKILL. `LONE` is Terraform without the processes it started, as the OOM killer does it."""

    ENVMGR = "envmgr"
    TERRAFORM = "Terraform"
    LONE = "Terraform, its provisioners live on"
    BOTH = "envmgr and Terraform together"

    @property
    def hits_terraform(self) -> bool:
        """Whether Terraform may lose what it did and had not written down."""
        return self is not Target.ENVMGR


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One SIGKILL.

    `boundary` n: right before the nth durable write, so right after the one before it; one more than there
    are: after the last. Else at `fraction` of the work's measured time, or, where Terraform is hit, of
    the time of its command number `command` (from 0).
    """

    work: Work
    target: Target
    boundary: int | None = None
    command: int | None = None
    fraction: float = 0

    @property
    def kind(self) -> str:
        """The line of the closing table."""
        when = "step boundary" if self.boundary is not None else "random instant"
        who = self.target if self.target.hits_terraform else self.work
        return f"{who}, {when}"

    def __str__(self) -> str:
        if self.boundary is not None:
            when = f"before durable write {self.boundary}"
        elif self.command is not None:
            when = f"at {self.fraction:.0%} of Terraform command {self.command}"
        else:
            when = f"at {self.fraction:.0%} of its time"
        return f"{self.target} in a {self.work} {when}"
