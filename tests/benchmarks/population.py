"""Environments that are ready, put into the store as a look at their remote would, without an apply."""

from collections.abc import Mapping
from datetime import UTC, datetime

from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.backend import Backend
from envmgr.domain.values.environment import Claim, Environment, Output, Source, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.tags import tags_for
from envmgr.ports import Store
from tests.support.records import recorded

_BACKEND: Backend = ("s3", {"bucket": "states", "region": "eu-west-1", "use_lockfile": True})


def populate(
    store: Store,
    repository: RepositoryId,
    branches: Mapping[str, str],
    inputs: str,
    backend: Backend = _BACKEND,
) -> None:
    """Records that each branch (branch → commit, `env-NAME`) is applied at its commit with these inputs."""
    ready = tuple(_ready(repository, branch, commit, inputs, backend) for branch, commit in branches.items())
    store.revise(repository, lambda known: Observed() if known else Observed(new=ready))


def _ready(repository: RepositoryId, branch: str, commit: str, inputs: str, backend: Backend) -> Environment:
    identity = EnvironmentId(repository.organization, repository.name, branch.removeprefix("env-"))
    now = datetime.now(UTC)
    tags = tags_for(identity, branch)
    url = f"https://{identity.name}.example.com"
    return recorded(
        id=identity,
        branch=branch,
        commit=commit,
        status=Status.READY,
        claim=_claim(identity, commit, tags, backend),
        applied_commit=commit,
        applied_fingerprint="f" * 64,
        applied_inputs=inputs,
        outputs={"url": Output(url), "database": Output(None, sensitive=True)},
        resources=tuple(f"terraform_data.part[{number}]" for number in range(8)),
        url=url,
        pushed_at=now,
        created_at=now,
        updated_at=now,
    )


def _claim(identity: EnvironmentId, commit: str, tags: Mapping[str, str], backend: Backend) -> Claim:
    return Claim(
        commit=commit,
        source=Source(SourceKind.DIRECTORY, "terraform", "d" * 40, "terraform"),
        variables={"environment": identity.name, "project": identity.repository, "tags": dict(tags)},
        tags=tags,
        terraform_version="1.11.4",
        backend=backend,
        fingerprint="f" * 64,
    )
