"""Which of an image's tags is the one that counts."""

from collections.abc import Iterable

from envmgr.domain.rules.versions import newest
from envmgr.domain.values.names import matches_any


def chosen(tags: Iterable[str], pattern: str) -> str | None:
    """The newest version of the tags that match; where just one does it is that one, whatever it says.

    None where none matches, or several of which none is a version. What comes before a release, which for images also
    means variants such as `1.10-alpine`, counts only where the pattern itself has a `-`.
    """
    matching = [tag for tag in tags if matches_any(tag, (pattern,))]
    if len(matching) == 1:
        return matching[0]
    return newest(matching, prereleases="-" in pattern)


def is_one_tag(pattern: str) -> bool:
    """Whether a pattern is a tag's name, so that no others need to be listed."""
    return "*" not in pattern
