"""How Gitea and Forgejo are spoken with."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import Dialect


def following(answer: Answer) -> str | None:
    """The next page, by its number: the address in `Link` is that of Gitea's own configuration, not the one that was asked.

    How many there are Gitea tells; where it does not, the list ends with a page that is not full. What a page lacks of
    its length proves nothing else: of reviews, those that others have not yet sent are counted and left out.
    """
    parts = urlsplit(answer.url)
    query = dict(parse_qsl(parts.query))
    if "page" not in query or not isinstance(answer.body, list):
        return None
    page, limit = int(query["page"]), int(query["limit"])
    total = total_of(answer)
    if (len(answer.body) < limit) if total is None else (page * limit >= total):
        return None
    query["page"] = str(page + 1)
    return urlunsplit(parts._replace(query=urlencode(query)))


def total_of(answer: Answer) -> int | None:
    """How many the whole list has, where that is told."""
    text = answer.headers.get("x-total-count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def dialect(where: str) -> Dialect:
    """Gitea's and Forgejo's, at a place that sentences name like this."""
    return Dialect(where=where, next_page=following)
