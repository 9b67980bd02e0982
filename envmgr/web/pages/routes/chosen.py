"""What a view is asked for: filters and places in addresses, read with bounds."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query

from envmgr.domain.rules.access.roles import hidden, visible
from envmgr.domain.values.asking.person import Person
from envmgr.ports.pages import Key, Wanted

Words = Annotated[str, Query(max_length=200)]
"""What somebody typed."""
Number = Annotated[int | None, Query(ge=0, le=2**62)]
"""A run's or an event's, or a line's."""


Identity = Annotated[int, Path(ge=0, le=2**62)]
"""A run's or a request's, in the address itself."""


def wanted(person: Person, **filters: object) -> Wanted:
    """Which records somebody is shown: those that she may see, with filters; empty ones are none."""
    given = {name: value for name, value in filters.items() if value not in ("", None)}
    return Wanted(places=visible(person), hidden=hidden(person), **given)  # type: ignore[arg-type]


def place(text: str) -> dict[str, str]:
    """`acme/shop` or `acme` as filters."""
    organization, _, repository = text.partition("/")
    return {"organization": organization, "repository": repository}


def key(text: str) -> Key | None:
    """`acme/shop/alice` as what environments are ordered by; None where it is none."""
    parts = text.split("/")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None


def address(path: str, **filters: object) -> str:
    """An address with the filters that say something."""
    query = urlencode({name: value for name, value in filters.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path
