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


def address(url: str | None, instead: str, longest: int) -> str:
    """The address of a status: Bitbucket demands one, takes none that is too long, and none of a host without a dot."""
    host = (urlsplit(url).hostname or "") if url else ""
    return url if url and len(url) <= longest and ("." in host or ":" in host) else instead
