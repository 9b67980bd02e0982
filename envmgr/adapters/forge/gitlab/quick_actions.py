"""Keeping GitLab from obeying what envmgr writes."""

import re

_OBEYED = re.compile(r"^/", re.MULTILINE)
_NOTHING = "\u200b"  # a space without width: the line looks the same, and begins with something else


def inert(text: str) -> str:
    """The text without a line that begins with `/`, as GitLab reads lines: such a one may be obeyed with envmgr's own rights.

    Lines within fences too: which text is code is not told by Markdown's rules there (a quote's `>>>` ends a fence, a
    fence of four ends at one of three), and was told otherwise by each release.
    """
    # GitLab takes carriage returns away before it looks, wherever they stand.
    return _OBEYED.sub(f"{_NOTHING}/", text.replace("\r", ""))
