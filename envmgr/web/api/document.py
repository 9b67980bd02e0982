"""The OpenAPI document: what FastAPI knows of the calls, and the objects that they give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from envmgr.domain.values.asking.person import Action, least

from .schema import schemas

_ROLE = "x-role"
_OF_ALL = ("/api/v1/me", "/api/v1/organizations", "/webhooks/{forge}/{organization}")
"""What somebody with any role is told of herself, and what forges call, which have none."""


def described(app: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
        )
        known = found.setdefault("components", {}).setdefault("schemas", {})
        known.update(schemas())
        for path, calls in found["paths"].items():
            for call in calls.values():
                role = _role(path)
                call.update({_ROLE: role} if role is not None else {})
        app.openapi_schema = found
    return app.openapi_schema


def _role(path: str) -> str | None:
    """The least role that a call needs; None where any will do. What it is good for is said by the command itself."""
    if path in _OF_ALL:
        return None
    verbs = {action.value: action for action in Action}
    named = [verbs[part] for part in path.split("/") if part in verbs]
    return least(named[0] if named else Action.SEE).value
