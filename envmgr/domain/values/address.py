"""Addresses as people may see them."""

from urllib.parse import urlsplit, urlunsplit

_LONGEST = 200


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password, and the values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(no address)"
    query = "…" if parts.query else ""
    text = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
    printable = "".join(c if c.isprintable() and not c.isspace() else "?" for c in text)
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}…"
