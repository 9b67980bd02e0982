"""Taking a secret out of a sentence that somebody else wrote."""

import re
from collections.abc import Iterable

SHORTEST = 6
"""Characters from which on a secret is hidden wherever it stands: a shorter one would hit by chance."""


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret as `***`; one below SHORTEST only as a word of its own, not the `tps` of `https`."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        exact = re.escape(secret)
        text = re.sub(exact if len(secret) >= SHORTEST else rf"(?<!\w){exact}(?!\w)", "***", text)
    return text
