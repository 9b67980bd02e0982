"""The code that runs in an environment, beside its infrastructure: what is wanted, and what was done."""

from dataclasses import dataclass
from typing import Literal

from .health import HealthCheck
from .step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRules:
    """How an environment's code comes to run, how it ends, and what says that it runs."""

    steps: tuple[Step, ...] = ()
    on_destroy: tuple[Step, ...] = ()
    health: HealthCheck | None = None
    on_unhealthy: Literal["keep", "previous"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed last, with success: the commit, after which apply (its run), and by which rules.

    `healthy_commit` is the last commit that was deployed and healthy. `ended` says that the steps before a
    destroy have been run, so that nothing of it runs any more.
    """

    commit: str | None = None
    apply: int | None = None
    rules: str = ""
    healthy_commit: str | None = None
    ended: bool = False
