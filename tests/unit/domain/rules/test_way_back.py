"""A way back that failed: tried again for what may pass, and by nothing that is not its own."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.transitions import deploys
from envmgr.domain.rules.waking import wake_times
from envmgr.domain.values.decision import Apply, GoBack, Rest
from envmgr.domain.values.deployment import Deployment, WayBack
from envmgr.domain.values.environment import Environment, Failure, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.schedule import Closed
from tests.unit.domain_example import ALONE, HOUR, MINUTE, NEW, NOW, OLD, POLICY, ready

CHECK = HealthCheck(url="http://x")
ILL = Health(check=CHECK, condition=Condition.UNHEALTHY, since=NOW, message="no")


def failed(retry_at: datetime | None) -> Environment:
    """One that is not healthy, and whose way back failed."""
    before = ready(deployment=Deployment(commit=OLD, healthy_commit=NEW))
    key = attempt_key(before, POLICY)
    return deploys.not_healthy(before, "Not healthy.", ILL, key, WayBack(1, "No network.", retry_at))


def test_it_is_tried_again_after_its_pause() -> None:
    environment = failed(NOW + MINUTE)
    assert decide(environment, POLICY, ALONE, NOW) == Rest(until=NOW + MINUTE)
    assert isinstance(decide(environment, POLICY, ALONE, NOW + MINUTE), GoBack)
    assert isinstance(decide(environment, POLICY, ALONE, NOW - 2 * HOUR), GoBack), "a clock was set back"
    assert NOW + MINUTE in set(wake_times(environment, POLICY))
    assert environment.retry_at == NOW + MINUTE
    assert environment.said.startswith(
        "Not healthy. The last healthy commit could not be brought back: No network. "
    )


def test_what_only_a_person_mends_is_not() -> None:
    environment = failed(None)
    assert decide(environment, POLICY, ALONE, NOW + timedelta(days=9)) == Rest()
    assert "not tried again by itself" in environment.said


def test_a_push_and_a_person_come_first() -> None:
    environment = failed(NOW)
    assert isinstance(decide(replace(environment, commit=NEW), POLICY, ALONE, NOW), Apply)
    assert isinstance(decide(environment, POLICY, ALONE, NOW, asked=True), Apply)
    other = replace(environment, failure=Failure(1, environment.failure.on, NOW + MINUTE))
    assert decide(other, POLICY, ALONE, NOW) == Rest(until=NOW + MINUTE), "another run failed since"


def test_outside_of_windows_nothing_is_changed() -> None:
    closed = replace(POLICY, closed=Closed(NOW + HOUR))
    assert decide(failed(NOW), closed, ALONE, NOW) == Rest(until=NOW + HOUR)


@pytest.mark.parametrize(
    "after",
    [
        deploys.deployed(failed(NOW), NEW, deploys.Rules("rules"), CHECK, NOW),
        deploys.healthy(failed(NOW), CHECK, NOW),
        deploys.went_back(failed(NOW), NEW),
        deploys.ended(failed(NOW)),
    ],
    ids=["another deploy", "it is well", "it went back", "it ends"],
)
def test_it_is_over_with_what_comes_to_run(after: Environment) -> None:
    assert after.deployment is not None
    assert after.deployment.back is None
    assert after.retry_at is None or after.status is Status.FAILED
