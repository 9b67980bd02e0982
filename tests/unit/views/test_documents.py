"""What verbs print as JSON."""

from datetime import UTC, datetime

import pytest

from envmgr.domain.values.environment import Output
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.views.documents import health


@pytest.mark.parametrize(
    ("outputs", "url"),
    [
        ({"url": Output("https://bot:hush@shop.example.com")}, "https://shop.example.com/up"),
        ({"url": Output(None, sensitive=True)}, "{outputs.url}/up"),
        ({}, "{outputs.url}/up"),
    ],
)
def test_what_is_asked_for_its_health_is_the_address_itself(outputs: dict[str, Output], url: str) -> None:
    """With the outputs in it, unless that would show what is secret, or there is none."""
    found = Health(
        check=HealthCheck(url="{outputs.url}/up"),
        condition=Condition.HEALTHY,
        since=datetime(2026, 11, 26, tzinfo=UTC),
    )
    assert health(found, outputs)["url"] == url
