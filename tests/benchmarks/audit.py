"""An audit of 1,000 environments with state in S3: its time, and how often it calls the state store."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from envmgr.commands import audit as auditing
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import StateStore
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.population import populate
from tests.benchmarks.subject import Subject
from tests.support.aws import reset_moto
from tests.support.engine import code

ENVIRONMENTS = 1000
ORPHANS = 10
_MOST_CALLS = 4
_STATE = json.dumps(
    {
        "version": 4,
        "serial": 1,
        "lineage": "x",
        "outputs": {},
        "resources": [{"mode": "managed", "type": "terraform_data", "name": "app", "instances": [{}]}],
    }
).encode()


def audit(laboratory: Laboratory) -> list[Comparison]:
    """One without a finding, and one that finds ten states without a branch.

    It would find what other benchmarks left in the cloud by hand, so that is forgotten first.
    """
    reset_moto(laboratory.aws_environment["AWS_ENDPOINT_URL"])
    subject = Subject(
        laboratory.place("audit"),
        backend={"s3": laboratory.s3_backend("audit")},
        environment_variables=laboratory.aws_environment,
        terraform={"binary": laboratory.terraform},
    )
    try:
        states = _populated(subject)
        clean = [_one(subject, expected=0) for _ in range(laboratory.rounds)]
        _keep(states, (EnvironmentId("acme", "shop", f"orphan{n}") for n in range(ORPHANS)))
        found = [_one(subject, expected=ORPHANS) for _ in range(laboratory.rounds)]
    finally:
        subject.close()
    return [*_measured("", clean, _MOST_CALLS), *_measured(f", {ORPHANS} without a branch", found, None)]


def _populated(subject: Subject) -> StateStore:
    shop = subject.repository()
    commit = shop.commit("main", code())
    shop.point((f"env-n{number}" for number in range(ENVIRONMENTS)), commit)
    branches = {branch: head for branch, head in shop.branches().items() if branch != "main"}
    services = subject.application.services
    (repository,), (organization,) = services.repositories.values(), services.organizations.values()
    populate(services.store, repository.id, branches, repository.inputs() or "", organization.backend)
    states = organization.state()
    states.ensure()
    _keep(states, (e.id for e in services.store.environments()))
    return states


def _keep(states: StateStore, identities: Iterable[EnvironmentId]) -> None:
    """A state for each, and an object beside it, as after an apply."""

    def both(identity: EnvironmentId) -> None:
        states.put(identity.state_key, _STATE)
        states.put(identity.kept_key, b"not read")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(both, identities))


def _one(subject: Subject, expected: int) -> tuple[float, Counter[str]]:
    """The time of one audit, and its calls by service."""
    (organization,) = subject.application.services.organizations.values()
    found = list[object]()
    with _counted() as calls:
        duration = seconds(lambda: found.extend(auditing.Audit(subject.application, organization).findings()))
    if len(found) != expected:
        raise RuntimeError(f"{len(found)} findings instead of {expected}: {found[:1]}")
    return duration, calls


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Counts every call that goes through botocore, each page by itself."""
    calls: Counter[str] = Counter()
    real = BaseClient._make_api_call

    def counting(client: Any, operation: str, arguments: Any) -> Any:
        calls[client.meta.service_model.service_name] += 1
        return real(client, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", counting):
        yield calls


def _measured(what: str, rounds: list[tuple[float, Counter[str]]], limit: float | None) -> list[Comparison]:
    name = f"audit of {ENVIRONMENTS:,} environments, states in S3{what}"
    store = tuple(float(calls["s3"]) for _, calls in rounds)
    others = {service: number for service, number in rounds[0][1].items() if service != "s3"}
    note = f"calls to other services: {', '.join(f'{name} {number}' for name, number in others.items())}"
    return [
        Comparison(name=name, unit="s", ours=tuple(duration for duration, _ in rounds), note=note),
        Comparison(name=f"{name}: calls to the store", unit="", ours=store, limit=limit, relative=False),
    ]
