"""The glossary names what is in the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_word_of_the_code_is_a_class() -> None:
    """A renamed class takes its entry along."""
    text = (ROOT / "docs/concepts/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"(?m)^`(\w+)`$", text.partition("## Words of the code")[2])
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "envmgr").rglob("*.py"))
    classes = {first or second for first, second in re.findall(r"(?m)^class (\w+)|^(\w+) = ", code)}
    assert len(words) > 10
    assert not set(words) - classes
