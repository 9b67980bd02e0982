"""What the configuration asks of a repository's environments, as `decide` needs it."""

from dataclasses import dataclass
from datetime import timedelta

from .schedule import Closed, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for one repository. `inputs` identifies all that reaches Terraform besides the commit.

    `inputs` is a digest over organization and repository variables, the module's content, the
    Terraform version and the backend: where it changes, environments are looked at again. `phase` is the
    half of the schedule the present is in, `closed` says that no window is open now; None where there is no
    schedule and where the windows are open. `deploy` identifies how code is deployed and its health is asked.
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
    inputs: str = ""
    deploy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many others there are: `leaving` this repository together, `active` in the organization.

    `leaving` counts the environment itself, `active` only the others.
    """

    leaving: int = 0
    active: int = 0
