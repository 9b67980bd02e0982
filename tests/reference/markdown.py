"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence

_NOTE = "<!-- Written by `python -m tests.reference` from the code: change it there. -->"


def page(title: str, *parts: str) -> str:
    """A page that says that it was generated."""
    return "\n\n".join([f"# {title}", _NOTE, *(part.strip("\n") for part in parts)]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what stands in its cells is Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def anchor(heading: str) -> str:
    """The anchor that the generator gives a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
