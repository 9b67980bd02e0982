"""Pages of lists, and answers that need not be sent again."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from envmgr.domain.errors import UsageError
from envmgr.ports.pages import Wanted
from envmgr.web.known import is_known

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
LIMIT = 500
Limit = Annotated[int, Query(ge=1, le=LIMIT, description="How many at most.")]
After = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Word = Annotated[str | None, Query(max_length=200, description="Only those of it.")]
Text = Annotated[
    str | None,
    Query(
        max_length=200, description="Only those in whose name, branch, commit, message or address it occurs."
    ),
]


# Asynchronous, as all here that waits for nothing: else each would be handed to a thread and back.
async def sought(
    organization: Word = None, repository: Word = None, q: Text = None, limit: Limit = 100
) -> Wanted:
    """What a list is of; one more than is shown, to know whether there is a following page."""
    return Wanted(organization=organization, repository=repository, text=q, limit=limit + 1)


async def sought_of(wanted: Annotated[Wanted, Depends(sought)], environment: Word = None) -> Wanted:
    """The same, perhaps of one environment."""
    return replace(wanted, name=environment)


Sought = Annotated[Wanted, Depends(sought)]
SoughtOf = Annotated[Wanted, Depends(sought_of)]
_MOST = (1 << 63) - 1


def cursor(*place: str | int) -> str:
    """What `next` is, so that the following page begins after a place."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_name(after: str | None) -> tuple[str, str, str] | None:
    """The environment that a page begins after. Raises UsageError for what was never a cursor."""
    match _read(after):
        case None:
            return None
        case [str(organization), str(repository), str(name)]:
            return organization, repository, name
    raise _not_ours()


def read_number(after: str | None) -> int | None:
    """The number that a page begins after. Raises UsageError for what was never a cursor."""
    match _read(after):
        case None:
            return None
        case [int(number)] if 0 <= number <= _MOST:
            return number
    raise _not_ours()


def _read(after: str | None) -> Any:
    if after is None:
        return None
    try:
        found = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if (
            b"\\u0000" in json.dumps(found, ensure_ascii=False).encode()
        ):  # ValueError of what is no text at all
            raise _not_ours()
    except (ValueError, RecursionError):
        raise _not_ours() from None
    return found if found is not None else ()


def _not_ours() -> UsageError:
    return UsageError("`after` is not what `next` of a page was: begin without it.")


def page(items: Sequence[Any], following: str | None) -> dict[str, Any]:
    """A page, and where the following one begins."""
    return {"items": list(items), "next": following}


def answer(request: Request, content: object, status: int = 200) -> Response:
    """JSON with its ETag; nothing but that where the caller has it already."""
    body = _encode(content).encode("utf-8", "backslashreplace")
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    # What one may see differs by who asks: no cache in between may give it to another.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if status == 200 and is_known(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, headers)
    return Response(body, status, headers, "application/json")
