"""Freezing and thawing what a server looks after."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from envmgr.cli.invocation import Invocation
from envmgr.domain.errors import UsageError
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.names import ref_component
from envmgr.views.documents import time

from . import parsing
from .connection import Connection


def freeze(invocation: Invocation, place: str | None, reason: str, until: datetime | None) -> list[Freeze]:
    """Freezes a place, or all organizations that may be seen."""
    body = {"reason": reason, "until": time(until)}
    with invocation.connected() as connection:
        paths = [_path(place)] if place is not None else _organizations(connection)
        return [_asked(connection, f"{path}/freeze", body) for path in paths]


def thaw(invocation: Invocation, place: str | None) -> list[Freeze]:
    """Thaws a place, or all that people froze."""
    with invocation.connected() as connection:
        places = [place] if place is not None else _made_by_people(connection)
        return [_asked(connection, f"{_path(each)}/thaw", {}) for each in places]


def _asked(connection: Connection, path: str, body: Mapping[str, Any]) -> Freeze:
    found = connection.post(path, {name: value for name, value in body.items() if value is not None}, "")
    with connection.understood():
        return parsing.freeze(found)


def _path(place: str) -> str:
    organization, slash, repository = place.partition("/")
    if not organization or (slash and not repository) or "/" in repository:
        raise UsageError(
            f"{ref_component(place)!r} is no place: name an organization or repository as acme or acme/shop."
        )
    return f"/repositories/{organization}/{repository}" if slash else f"/organizations/{organization}"


def _organizations(connection: Connection) -> Sequence[str]:
    found = list(connection.pages("/organizations", {}))
    with connection.understood():
        return [f"/organizations/{each['name']}" for each in found]


def _made_by_people(connection: Connection) -> Sequence[str]:
    listed = [*connection.pages("/organizations", {}), *connection.pages("/repositories", {})]
    with connection.understood():
        found = {parsing.freeze(each["frozen"]) for each in listed if each.get("frozen")}
    return sorted(each.place for each in found if not each.in_file)
