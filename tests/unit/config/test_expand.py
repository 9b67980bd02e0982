"""The rules of one repository: the organization's, with the repository's own laid over them."""

from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.config.expand import (
    backend_settings,
    effective,
    policy_for,
    process_environment,
    redactor_for,
)
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.secrets import REDACTED, SecretReference
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.policy import Policy

ACME = OrganizationFile.model_validate(
    {
        "organization": "acme",
        "environment_variables": {
            "AWS_SECRET_ACCESS_KEY": {"env": "ACME_AWS"},
            "AWS_REGION": "eu-west-1",
            "GH_TOKEN": "literal-token",
            "HTTPS_PROXY": "http://u:proxy-word@proxy:1",
        },
        "destroy": {"confirmations": 3, "grace_period": "1h"},
        "limits": {"environments": 7},
        "schedule": {"up": "0 8 * * *", "down": "0 19 * * *"},
        "ttl": {"default": "7d", "max": "30d"},
        "variables": {"a": 1, "b": 1},
        "repositories": [
            {"name": "plain", "url": "/srv/plain.git"},
            {
                "name": "own",
                "url": "/srv/own.git",
                "protected": ["env-prod"],
                "credentials": {"password": "pass-word"},
                "destroy": {"max_at_once": 9},
                "limits": {"environments": 3},
                "polling": {"interval": "1m"},
                "schedule": None,
                "ttl": {"max": "10d"},
                "drift": {"action": "off"},
                "variables": {"b": 2, "c": 2},
            },
        ],
    }
)
PLAIN, OWN = ACME.repositories


def test_what_a_repository_does_not_say_is_the_organizations() -> None:
    rules = effective(ACME, PLAIN)
    assert rules.destroy == ACME.destroy
    assert rules.schedule == ACME.schedule
    assert rules.variables == {"a": 1, "b": 1}


def test_a_repository_overrides_key_by_key() -> None:
    rules = effective(ACME, OWN)
    assert (rules.destroy.confirmations, rules.destroy.max_at_once) == (3, 9)
    assert rules.limits.environments == 3
    assert rules.polling.interval == timedelta(minutes=1)
    assert (rules.ttl.default, rules.ttl.max) == (timedelta(days=7), timedelta(days=10))
    assert rules.schedule is None, "null means: none here"
    assert rules.drift.action == "off"
    assert rules.variables == {"a": 1, "b": 2, "c": 2}


def test_the_policy_is_made_of_them() -> None:
    assert policy_for(ACME, OWN, "digest") == Policy(
        branches=("env-*",),
        protected=("env-prod",),
        confirmations=3,
        grace_period=timedelta(hours=1),
        max_at_once=9,
        max_environments=3,
        warn_before=(timedelta(hours=24), timedelta(hours=1)),
        inputs="digest",
    )


def test_the_local_backend_is_in_the_data_folder_unless_it_says_where(tmp_path: Path) -> None:
    assert backend_settings(ACME, tmp_path) == ("local", {"path": str(tmp_path / "state")})
    elsewhere = ACME.model_validate({**BARE, "backend": {"local": {"path": "/srv/state"}}})
    assert backend_settings(elsewhere, tmp_path) == ("local", {"path": "/srv/state"})
    bucket = {"bucket": "b", "endpoints": {"s3": "http://127.0.0.1:1"}, "use_path_style": True}
    s3 = ACME.model_validate({**BARE, "backend": {"s3": bucket}})
    assert backend_settings(s3, tmp_path) == ("s3", {**bucket, "use_lockfile": True})


BARE = {"organization": "b", "repositories": []}


def test_the_environment_is_resolved_when_it_is_asked_for() -> None:
    resolved = process_environment(ACME, {"ACME_AWS": "hush-hush", "OTHER": "x"})
    assert resolved["AWS_SECRET_ACCESS_KEY"] == "hush-hush"
    assert set(resolved) == set(ACME.environment_variables)
    with pytest.raises(NeedsPerson, match=r"{env: ACME_AWS} is missing"):
        process_environment(ACME, {})


def test_the_redactor_knows_all_secrets_and_nothing_else() -> None:
    database = SecretReference("env", "DB")
    redact = redactor_for([ACME], {"ACME_AWS": "hush-hush", "DB": "postgresql://u:db-word@h/x"}, [database])
    text = "hush-hush literal-token pass-word proxy-word db-word eu-west-1"
    assert redact(text) == " ".join([REDACTED] * 5) + " eu-west-1"
    assert redactor_for([ACME], {})("hush-hush pass-word") == f"hush-hush {REDACTED}"
