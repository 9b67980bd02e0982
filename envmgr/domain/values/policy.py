"""What the configuration asks of a repository's environments, as `decide` needs it."""

from dataclasses import dataclass
from datetime import timedelta

from .asking.freeze import Freeze
from .environment import Waits
from .origins.previews import Objection
from .pipeline.proposal import Terms
from .schedule import Closed, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for one repository. `inputs` identifies all that reaches Terraform besides the commit.

    `inputs` is a digest over organization and repository variables, the module's content, the
    Terraform version and the backend: where it changes, environments are looked at again. `phase` is the
    half of the schedule the present is in, `closed` says that no window is open now; None where there is no
    schedule and where the windows are open. `frozen` is the freeze that holds, if any. `deploy` identifies how code is deployed and its health is asked,
    `tests` how it is tested; empty where it is not.
    `configured` is False for an application that the configuration lists no more, and for an environment
    without applications of a repository that has some now. `is_named`: the configuration names the environment, and
    `branches` is what it follows. `previews`: pull requests have environments here; and of one of these, `objection` is what speaks
    against taking it further. `approval` is who has to approve plans that wait for that; None: that is not known here.
    """

    branches: tuple[str, ...] = ("*",)
    protected: tuple[str, ...] = ()
    confirmations: int = 2
    grace_period: timedelta = timedelta(minutes=5)
    max_at_once: int = 5
    max_environments: int = 50
    warn_before: tuple[timedelta, ...] = ()
    phase: Phase | None = None
    closed: Closed | None = None
    frozen: Freeze | None = None
    inputs: str = ""
    deploy: str = ""
    tests: str = ""
    configured: bool = True
    is_named: bool = False
    previews: bool = False
    objection: Objection | None = None
    approval: Terms | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """An application that another one needs and that is not as its branch wants it, as a sentence says it.

    `is_stuck`: it does not come to that by itself. `waits` is what it is by.
    """

    reason: str
    waits: Waits
    is_stuck: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The others: how many are `leaving` this repository together, how many are `active` in the organization.

    `leaving` counts the environment itself, `active` only the others; both count environments, not their
    applications. Of the same environment's applications: `awaits` is one that this one needs and that is not
    settled yet, `needed_by` are those that have resources made with this one's outputs. `before` is an environment that
    must have had this one's commit ready, and had not.
    """

    leaving: int = 0
    active: int = 0
    awaits: Awaited | None = None
    before: Awaited | None = None
    needed_by: tuple[str, ...] = ()
