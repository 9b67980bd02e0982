"""Text of strangers within a comment: it is shown, and does nothing.

Branches, titles, messages, addresses of resources and whole plans may say anything: mention people, close a fence, hold
HTML, links and images, a forge's quick actions, or the mark by which our own comment is found again. So it stands in
code alone, where no forge reads Markdown, and what some forges look for even there is broken by a character that nobody sees.
"""

import re
import unicodedata

from envmgr.domain.values.shown.unseen import is_unseen

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_UNKNOWN = ("Co", "Cn")
"""Unicode's categories of what is anybody's own, or nothing yet: nobody knows how it is shown."""
_BROKEN = "\u200b"
"""A blank without width: what it parts is looked at the same, and is nothing that a forge knows."""
_CALLS = re.compile(r"@|[#!](?=\w)")
"""How forges find people, issues and pull requests, some of them within code, too."""
_OWN_MARK = re.compile(r"(?i)(envmgr)(?=:)")
_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9/._~=+%?&-]*)?"
)
_LONGEST_ADDRESS = 1_000


def plain(text: str) -> str:
    """A line of text without colours and without all that steers: what stood on several lines stands on one."""
    bare = _SEQUENCE.sub("", text).replace("\r\n", " ")
    shown = (" " if c in "\r\n\t\v\f\x85\u2028\u2029" else "" if _steers(c) else c for c in bare)
    return "".join(shown)


def _steers(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return is_unseen(character) or unicodedata.category(character) in _UNKNOWN


def harmless(text: str) -> str:
    """A line of text in which no forge finds anybody, anything, or a mark of ours; no fence or span of code ends by it."""
    text = _CALLS.sub(rf"\g<0>{_BROKEN}", plain(text))
    return _OWN_MARK.sub(rf"\1{_BROKEN}", text).replace("`", "'")


def code(text: str, longest: int = 600) -> str:
    """A span of code with a stranger's text, cut to a length; nothing where it says nothing."""
    shown = shortened(" ".join(harmless(text).split()), longest)
    return f"`{shown}`" if shown else ""


def cell(text: str, longest: int = 200) -> str:
    """The same within a table, whose cells a bar would part."""
    return code(text.replace("|", "¦"), longest)


def fenced(lines: list[str], language: str = "") -> str:
    """Lines of strangers' text as a block of code; none of them ends it, and none begins with what a forge would obey."""
    return "\n".join([f"```{language}", *map(fenced_line, lines), "```"])


def fenced_line(line: str) -> str:
    """A line as it stands in a block of code."""
    shown = harmless(line.replace("\t", "    ")).rstrip()
    return f"{_BROKEN}{shown}" if shown.lstrip().startswith("/") else shown


def address(url: str) -> str:
    """A link to an address that says itself where it leads; one that is not plainly an address stands there as text."""
    if len(url) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(url):
        return f"[{url}]({url})"
    return cell(url)


def shortened(text: str, longest: int) -> str:
    """The text up to a number of characters, with a sign where something is missing."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def size(text: str) -> int:
    """How long a text is for a forge that counts least generously: in UTF-16, where some characters count twice."""
    return len(text) + sum(c > "\uffff" for c in text)
