"""Environments whose repository is in the configuration no more: left alone, which they say, with what ends that."""

from collections.abc import Collection, Iterable, Iterator

from envmgr.domain.rules.transitions.work import is_waiting
from envmgr.domain.values.environment import AT_WORK, Environment, Status, Suspension, Waits, WaitsFor
from envmgr.domain.values.names import RepositoryId, counted

from .compare import Finding, Kind


def missing(repository: RepositoryId) -> str:
    """What is not there."""
    return f"Repository {repository} is not in the configuration"


def sentence(environment: Environment, organizations: Collection[str]) -> str:
    """What an environment of such a repository says of itself, and what a person does about it."""
    lacking = _lacking(environment, organizations)
    return f"{lacking}: left alone. {_remedy(environment, organizations)}"


def waits(environment: Environment, organizations: Collection[str]) -> Waits:
    """What it is waiting for, by which it is known that it says so."""
    is_managed = environment.id.organization in organizations
    return Waits(WaitsFor.REPOSITORY if is_managed else WaitsFor.ORGANIZATION)


def _lacking(environment: Environment, organizations: Collection[str]) -> str:
    identity = environment.id
    if identity.organization in organizations:
        return missing(identity.repository_id)
    return f"Organization {identity.organization} is not in the configuration"


def _remedy(environment: Environment, organizations: Collection[str]) -> str:
    ends = f"`envmgr destroy {environment.label}` ends it"
    if environment.id.organization in organizations:
        return (
            "Add it again to have it managed (a repository's name is part of its environments, so another name makes "
            f"others), or {ends}."
        )
    return (
        "Put its file back to have it managed; with `organization`, `backend` and `environment_variables` in it, "
        f"{ends}."
    )


def is_silent(environment: Environment, organizations: Collection[str]) -> bool:
    """Whether it has still to say so: unless it is worked on, or says why the destroy that a person began failed."""
    is_told = environment.status is Status.FAILED and environment.suspended_by is Suspension.DESTROY
    says_so = is_waiting(environment, waits(environment, organizations))
    return environment.is_open and environment.status not in AT_WORK and not is_told and not says_so


def findings(records: Iterable[Environment], organizations: Collection[str]) -> Iterator[Finding]:
    """What an audit says of environments whose whole organization is gone: nobody looks at its clouds."""
    for record in records:
        if record.is_open and record.id.organization not in organizations:
            yield Finding(
                kind=Kind.REPOSITORY_NOT_CONFIGURED,
                organization=record.id.organization,
                subject=str(record.id),
                environment=record.id,
                what=f"{_lacking(record, organizations)}, and this environment is {_stands(record)}.",
                remedy=_remedy(record, organizations),
            )


def _stands(record: Environment) -> str:
    number = len(record.applied.resources)
    return f"still there, with {counted(number, 'resource')}" if number else "not closed"
