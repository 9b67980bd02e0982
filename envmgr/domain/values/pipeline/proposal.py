"""A plan that waits for approval: what it would do, who has to say yes, and who did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.step import Step

OnFailure = Literal["refuse", "approve", "warn"]
NAMED_BY = 12
"""By so many digits of its digest people and commands name a plan."""


def plan_name(digest: str) -> str:
    """What people and commands call the plan with a digest."""
    return digest[:NAMED_BY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check of plans: a `step` to run, a policy, or one of Terraform's own (`builtin`); exactly one of these."""

    name: str
    on_failure: OnFailure = "refuse"
    step: Step | None = None
    policy: Path | None = None
    builtin: Literal["validate", "fmt"] | None = None


class CheckOutcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    WARNED = "warned"
    ASKS = "asks"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to, what it found, and its run."""

    name: str
    outcome: CheckOutcome
    findings: tuple[str, ...] = ()
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Whose approval is needed: so many people of a role, or of a higher one, for how long their word counts.

    `allows_author` lets the commit's author approve, `frees_rollback` asks nobody for a way back to what was healthy.
    """

    needed: int = 1
    role: Role = Role.APPROVER
    expires: timedelta = timedelta(days=7)
    allows_author: bool = False
    frees_rollback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a plan has to pass: checks, an approval (None: none is asked for), and what is no less than data.

    `data` are types of resources, `*` matching any run of characters, that no plan deletes in a protected environment
    without an approval. `counts_reviews`: a review of a pull request that approves the commit approves its plan, too.
    """

    checks: tuple[Check, ...] = ()
    approval: Terms | None = None
    data: tuple[str, ...] = ()
    counts_reviews: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """That somebody said yes: by what she came (`by`), who that is (`who`), and her role at the time.

    `identity` is by what a forge knows her, whatever she calls herself there; empty by another door.
    """

    by: str
    who: str
    role: Role
    at: datetime
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """That somebody said no."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a plan of a commit would do, known by the `digest` of that, and what people said of it.

    `on` stands for the commit with all else that was planned: with anything else it is void. `reasons` say why it has to
    be approved. `actions` are what happens to which resource, `text` is the plan in Terraform's words, as far as it is
    kept; `run` is the one that made it.
    """

    on: str
    commit: str
    digest: str
    author: str
    terms: Terms
    requested_at: datetime
    expires_at: datetime
    reasons: tuple[str, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    actions: tuple[tuple[str, str], ...] = ()
    text: str = ""
    run: int | None = None
    checks: tuple[Checked, ...] = ()
    approvals: tuple[Approval, ...] = ()
    rejection: Rejection | None = None

    @property
    def missing(self) -> int:
        """How many people are still to say yes."""
        return max(0, self.terms.needed - len(self.approvals))
