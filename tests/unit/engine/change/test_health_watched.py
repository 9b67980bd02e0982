"""Whose health is asked again and again."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from envmgr.domain.rules.transitions import deploys, work
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.change.health import is_watched
from tests.support.records import altered, recorded

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
WELL = Health(check=HealthCheck(url="{outputs.url}"), condition=Condition.HEALTHY, since=NOW)
ILL = replace(WELL, condition=Condition.UNHEALTHY, message="GET / answered 503, wanted 200.")
READY = recorded(
    id=EnvironmentId("acme", "shop", "alice"),
    branch="env-alice",
    commit="a" * 40,
    status=Status.READY,
    deployment=Deployment(commit="a" * 40),
    health=WELL,
    created_at=NOW,
    updated_at=NOW,
)
FAILED = deploys.not_healthy(
    READY, "Not healthy. The last healthy commit could not be brought back.", ILL, "key"
)


@pytest.mark.parametrize(
    "environment",
    [READY, replace(READY, health=ILL), replace(READY, status=Status.DEGRADED, health=ILL), FAILED],
)
def test_who_is_up_or_failed_by_health_alone(environment: Environment) -> None:
    """These may change by their answers."""
    assert is_watched(environment)


@pytest.mark.parametrize(
    ("environment", "change"),
    [
        (READY, {"health": None}),
        (READY, {"health": replace(WELL, condition=Condition.STARTING)}),
        (READY, {"absent_since": NOW}),
        (READY, {"suspended": "By me."}),
        *((READY, {"status": s}) for s in Status if s not in (Status.READY, Status.DEGRADED)),
        (work.failed(FAILED, "Terraform broke.", "key", NOW, again=True), {}),
        (FAILED, {"commit": "b" * 40}),
        (FAILED, {"health": WELL}),
        (FAILED, {"suspended": "By me."}),
    ],
)
def test_nobody_else(environment: Environment, change: dict[str, Any]) -> None:
    """One who failed otherwise, or whose newest push failed, would be called well by an answer of what ran before."""
    assert not is_watched(altered(environment, **change))
