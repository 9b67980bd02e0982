"""Checks of the code that do not hold: read from Terraform's warnings, redacted, kept with the last look."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from envmgr.adapters.store.codec import dump_drift, load_drift
from envmgr.adapters.terraform.messages import Message, parse
from envmgr.domain.values.combined import combined
from envmgr.domain.values.drift import Drift, checks_warning
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from tests.support.records import recorded

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def said(summary: str, detail: str, context: str = 'check "size"', severity: str = "warning") -> Message:
    """A diagnostic as Terraform prints it."""
    document = {
        "severity": severity,
        "summary": summary,
        "detail": detail,
        "range": {"filename": "main.tf", "start": {"line": 9, "column": 3}},
        "snippet": {"context": context, "code": "x", "values": []},
    }
    return parse(json.dumps({"@message": summary, "type": "diagnostic", "diagnostic": document}))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (said("Check block assertion failed", "Too\nsmall."), 'check "size" (app/main.tf:9): Too small.'),
        (said("No such thing", "Gone."), 'check "size" (app/main.tf:9): No such thing. Gone.'),
        (said("No such thing", ""), 'check "size" (app/main.tf:9): No such thing'),
        (said("Check block assertion known after apply", "A result will be known."), ""),
        (said("Deprecated attribute", "Use another.", context='resource "a" "b"'), ""),
        (said("Invalid reference", "No such thing.", severity="error"), ""),
        (parse("plain text"), ""),
    ],
)
def test_a_warning_of_a_check_block_is_a_failing_check(message: Message, expected: str) -> None:
    """Also where what it reads is not there; what is only not known yet does not fail."""
    assert message.progress(str, "app").failing_check == expected


def test_what_a_check_says_is_redacted() -> None:
    """Its error message may hold a value."""
    step = said("Check block assertion failed", "It is s3cret.").progress(
        lambda text: text.replace("s3cret", "***"), ""
    )
    assert (step.failing_check, "s3cret" in step.text) == ('check "size" (main.tf:9): It is ***.', False)


def test_only_the_first_few_are_said() -> None:
    """Of many the others are counted."""
    assert checks_warning([]) == ""
    assert checks_warning(["a: 1", "b: 2", "c: 3", "d: 4", "e: 5"]) == (
        "Warning: not all checks of the code hold: a: 1; b: 2; c: 3 and 2 more"
    )


def test_they_are_kept_with_the_last_look() -> None:
    """What an earlier release wrote has none."""
    drift = Drift(tried_at=NOW, failing_checks=("a: 1",))
    assert load_drift(dump_drift(drift)) == drift
    assert "failing_checks" not in dump_drift(Drift(tried_at=NOW))


def test_an_application_that_warns_stands_for_all_that_are_ready() -> None:
    """By its name; one that failed still comes first."""
    drift = Drift(tried_at=NOW, failing_checks=("a: 1",))
    web = recorded(
        id=EnvironmentId("acme", "shop", "alice", "web"),
        branch="env-alice",
        commit="a" * 40,
        status=Status.READY,
        created_at=NOW,
        updated_at=NOW,
    )
    api = replace(web, id=EnvironmentId("acme", "shop", "alice", "api"), drift=drift)
    assert combined([web, api]).said == "api: Warning: not all checks of the code hold: a: 1"
    failed = replace(web, status=Status.FAILED, message="It failed.")
    assert combined([api, failed]).said == "web: It failed."
