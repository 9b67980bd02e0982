"""A plan on its way from the gates to its apply."""

from dataclasses import dataclass
from pathlib import Path

from envmgr.domain.documents.plan import Plan
from envmgr.domain.documents.state import State
from envmgr.domain.values.environment import Claim
from envmgr.ports import PlanFile, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A saved plan that passed the gates. `plan` is what it holds, read only where a gate or a person asks.

    `warnings` are what a person should know of it besides.
    """

    workspace: Workspace
    claim: Claim
    file: PlanFile
    has_changes: bool
    plan: Plan | None
    warnings: tuple[str, ...] = ()

    @property
    def deletes(self) -> bool:
        """Whether it would delete or replace anything, as far as it was read."""
        return self.plan is not None and any(change.deletes for change in self.plan.resources)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCopy:
    """A private copy of a state that is not in its place yet, for a plan that is never applied."""

    path: Path
    state: State
