"""How GitHub is spoken with, and where."""

from http import HTTPStatus
from urllib.parse import urlsplit

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import Dialect, limited_by_status
from envmgr.adapters.forge.failure import said_in

PAGE = 100
"""How many things a page of a list has: the most that GitHub gives."""

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_RESIDENT = ".ghe.com"


def base(url: str) -> str:
    """Where the calls of a GitHub are whose pages are at an address."""
    host = urlsplit(url).hostname or ""
    if host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    if host.endswith(_RESIDENT):
        return f"https://api.{host}"
    return f"{url.rstrip('/')}/api/v3"


def write_pause(url: str) -> float:
    """Seconds between two writes: GitHub asks for one; a server of one's own has no such limit."""
    return 1.0 if not base(url).endswith("/api/v3") else 0.0


def dialect(where: str) -> Dialect:
    """GitHub's; what is asked for too often it refuses with 403, at times without saying when to ask again."""
    return Dialect(where=where, headers=_HEADERS, is_limited=_is_limited)


def _is_limited(answer: Answer) -> bool:
    is_refused = answer.status == HTTPStatus.FORBIDDEN
    return limited_by_status(answer) or (
        is_refused and "secondary rate limit" in said_in(answer.body).lower()
    )
