"""What the configuration asks of a repository's environments, as `decide` needs it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for one repository. `inputs` identifies all that reaches Terraform besides the commit.

    `inputs` is a digest over organization and repository variables, the module's content, the
    Terraform version and the backend: where it changes, environments are looked at again.
    """

    branches: tuple[str, ...] = ("*",)
    protected: tuple[str, ...] = ()
    confirmations: int = 2
    grace_period: timedelta = timedelta(minutes=5)
    max_at_once: int = 5
    max_environments: int = 50
    inputs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many others there are: `leaving` this repository together, `active` in the organization.

    `leaving` counts the environment itself, `active` only the others.
    """

    leaving: int = 0
    active: int = 0
