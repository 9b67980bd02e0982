"""What both Bitbuckets take of texts and addresses."""

from urllib.parse import urlsplit

from envmgr.adapters.forge.client import segment
from envmgr.domain.errors import NeedsPerson

LONGEST_COMMENT = 32_768
LONGEST_SENTENCE = 255


def names(repository: str) -> tuple[str, str]:
    """The two names of a repository, fit for a path. Raises NeedsPerson where it has not two."""
    parts = repository.split("/")
    if len(parts) != 2:
        raise NeedsPerson(
            f"Bitbucket has no repository {repository!r}: its `repository` has two parts, such as acme/shop."
        )
    return segment(parts[0]), segment(parts[1])


def is_address(text: str | None, longest: int) -> bool:
    """Whether a text is an address that Bitbucket takes: not too long, of the web, and of a host that has a dot."""
    try:
        parts = urlsplit(text or "")
        host = parts.hostname or ""
    except ValueError:
        return False
    is_far = "." in host or ":" in host
    return parts.scheme in ("https", "http") and is_far and len(text or "") <= longest


def address(url: str | None, instead: str, longest: int) -> str:
    """The address of a status: Bitbucket demands one."""
    return url if url and is_address(url, longest) else instead
