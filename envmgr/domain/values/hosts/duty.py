"""What only one of several hosts does at a time."""

from dataclasses import dataclass
from enum import StrEnum

from envmgr.domain.values.names import RepositoryId


class Task(StrEnum):
    """What is done for an organization as a whole; no repository is called so."""

    DRIFT = "@drift"
    AUDIT = "@audit"
    TIDYING = "@tidying"


@dataclass(frozen=True, slots=True, order=True)
class Duty:
    """A repository to look after, with its remote and how its environments are; or a task of an organization.

    `organization` is empty for what concerns all of the records.
    """

    organization: str
    name: str

    @classmethod
    def of(cls, repository: RepositoryId) -> "Duty":
        """That of a repository."""
        return cls(repository.organization, repository.name)
