"""By what our own comment is known again among others, though nothing is known of it but the pull request."""

import hashlib

_WORD = "envmgr:v1"


def mark_of(context: str, repository: str) -> str:
    """The mark of an installation's comments in a repository: the same for as long as it is configured by these names."""
    # Not by the records: the comment is found again also where these were lost.
    named = hashlib.sha256(f"{context} {repository}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_WORD} instance={named}"


def first_line(mark: str) -> str:
    """The mark where a forge hides such lines."""
    return f"<!-- {mark} -->"


def last_line(mark: str) -> str:
    """The mark where it does not."""
    return f"`{mark}`"


def carries(text: str, mark: str) -> bool:
    """Whether a comment is the one with this mark, if it is our own: by anybody else's nothing is known."""
    lines = [line.strip() for line in text.strip().splitlines()] or [""]
    return lines[0] == first_line(mark) or lines[-1].strip("`") == mark
