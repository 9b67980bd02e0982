"""GitLab obeys nothing that envmgr writes: by the rules of its old and new releases alike."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from envmgr.adapters.forge.gitlab.quick_actions import inert

# How releases tell what is a command: all of them look at beginnings of lines after taking `\r` away, and differ in
# what they leave out as code, quote or HTML. What none of them can find in any part of a text is safe in each.
COMMAND = re.compile(r"^/(close|merge|label|approve|shrug)( [^\n]*)?(\s*\n|$)", re.IGNORECASE | re.MULTILINE)
PIECES = [
    "/close",
    "/merge",
    "\n",
    "\r",
    "\r\n",
    "```",
    "````",
    ">>>",
    "> ",
    "~~~",
    "`",
    " ",
    "x",
    "<p>\n",
    "\n</p>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example("\n\r/close")
@example("\r\n/merge")
@example("````\nplan\n```\n/close\n````")
@example(">>>\n```\n>>>\n/merge\n```")
def test_no_line_is_a_command(text: str) -> None:
    """Whatever stands before, after or around it."""
    written = inert(text)
    assert not COMMAND.search(written.replace("\r", ""))
    assert written.replace("\u200b", "") == text.replace("\r", "")
    assert inert(written) == written


def test_other_text_stays_as_it_is() -> None:
    """A path within a line is none."""
    assert inert("see /srv/app\n  /indented\nhttps://x/y") == "see /srv/app\n  /indented\nhttps://x/y"
