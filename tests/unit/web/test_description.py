"""The API is as its OpenAPI document says, whatever it is asked: made-up requests break neither it nor the document."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from envmgr.commands.forge.webhooks import Hook
from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.names import RepositoryId
from envmgr.web.app import DOCUMENT
from tests.reference.openapi import document

from .conftest import Site

pytestmark = pytest.mark.slow

EXAMPLES = 4
THERE = {"organization": "acme", "repository": "shop", "environment": "alice", "forge": "github", "number": 7}
HOOKS = [
    Hook(
        repository=RepositoryId("acme", "shop"),
        kind=ForgeKind.GITHUB,
        name="acme/shop",
        secret=lambda: "s" * 8,
    )
]
CALLS = [
    (method.upper(), path) for path, calls in json.loads(document())["paths"].items() for method in calls
]


@pytest.mark.parametrize(("method", "path"), CALLS, ids=str)
def test_what_is_made_up_is_answered_as_described(shared: Site, method: str, path: str) -> None:
    """No 5xx, no status, no type and no object that the document does not know."""
    # Here, as it takes two seconds of a core: every worker reads this file, and few run what is in it.
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    runtime = replace(shared.runtime(shared.world.person.application), hooks=HOOKS)
    # Nobody is refused for asking often.
    shared.app.state.door.runtime = replace(runtime, server=ServerSettings(requests=1_000_000))
    described = schemathesis.openapi.from_asgi(DOCUMENT, shared.app)[path][method]
    headers = {"Authorization": f"Bearer {shared.token(Role.ADMIN)}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=[*HealthCheck],
        database=None,
    )
    @given(case=described.as_strategy())
    def hold(case: Any) -> None:
        case.query.pop("follow", None)  # a stream ends when its reader leaves
        if len(case.path_parameters.get("organization", "")) % 2:
            case.path_parameters = {name: THERE[name] for name in case.path_parameters}
        case.call_and_validate(headers=headers, checks=checks)

    hold()
