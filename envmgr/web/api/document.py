"""The OpenAPI document: what FastAPI knows of the calls, and the objects that they give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .schema import schemas


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
        app.openapi_schema = found
    return app.openapi_schema
