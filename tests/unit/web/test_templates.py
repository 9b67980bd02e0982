"""How templates are written, where that costs more than it looks."""

import re
from pathlib import Path

from envmgr.web.pages import drawing

_SHOWN = re.compile(r"\{\{(?:[^}]|\}(?!\}))*\}\}")


def test_what_is_shown_on_a_condition_says_what_is_shown_else() -> None:
    """Without `else` Jinja makes an error's sentence of each, and throws it away: a tenth of what a list took."""
    found = [
        f"{path.name}: {shown}"
        for path in Path(drawing.__file__).with_name("templates").glob("*.html")
        for shown in _SHOWN.findall(path.read_text())
        if re.search(r"\bif\b", shown) and not re.search(r"\belse\b", shown)
    ]
    assert found == []


def test_a_sentence_is_shown_with_its_commands_as_code() -> None:
    """What envmgr says names them in backticks, which mean nothing on a page."""
    sentence = re.compile(r"\{\{ (?:\w+\.)*(?:message|error|problem|detail|why|refused|sentence) \}\}|`")
    found = [
        f"{path.name}: {shown}"
        for path in Path(drawing.__file__).with_name("templates").glob("*.html")
        for shown in sentence.findall(re.sub(r"(?s)<title>.*?</title>", "", path.read_text()))
    ]
    assert found == []
