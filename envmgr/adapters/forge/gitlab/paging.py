"""How GitLab is spoken with."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import Dialect, linked

EACH = 100
"""So many of a list are asked for at a time; GitLab gives no more."""


def following(answer: Answer) -> str | None:
    """The next page, by its number: the address in `Link` is that of GitLab's own configuration, not the one that was asked."""
    page = answer.headers.get("x-next-page")
    if page is None:
        return linked(answer)
    if not (page.isascii() and page.isdigit()):
        return None
    parts = urlsplit(answer.url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "page"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("page", page)])))


def dialect(where: str) -> Dialect:
    """GitLab's, at a place that sentences name like this."""
    return Dialect(where=where, next_page=following)
