"""Text of strangers, made safe to look at: branch names, outputs and logs are data, wherever they are shown."""

import re

from envmgr.domain.values.shown.unseen import as_escape, is_unseen

_SEQUENCE = re.compile(r"\x1b\[[0-9;:]*m")
"""A change of colour, as programs write it to terminals; whatever else they send there is shown."""


def escaped(text: str) -> str:
    """The text with all that would steer a terminal, or turn the reading order, as escapes; lines and tabs stay."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(as_escape(c) if is_unseen(c) and c not in "\n\t" else c for c in text)


def plain(text: str) -> str:
    """A line of a log without colours, and `escaped`."""
    return escaped(_SEQUENCE.sub("", text) if "\x1b" in text else text)
