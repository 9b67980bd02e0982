"""What a caller has already."""


def is_known(if_none_match: str, tag: str) -> bool:
    """Whether an `If-None-Match` names an ETag, or any."""
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in known or known == ["*"]
