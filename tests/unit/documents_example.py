"""The documents of the checkout, for the tests that hold them against the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from envmgr.cli.command import LazyGroup
from envmgr.cli.program import program

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PATHS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
TEXTS = {path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
"""README, CONTRIBUTING and every page: path → text."""


def blocks(*languages: str) -> list[tuple[str, str]]:
    """The fenced blocks in some languages: where each is, and what it says."""
    found = []
    for path, text in TEXTS.items():
        for match in FENCE.finditer(text):
            if match[2] in languages:
                line = text.count("\n", 0, match.start()) + 1
                body = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
                found.append((f"{path}:{line}", body))
    return found


def prose(text: str) -> str:
    """A text without its fenced blocks."""
    return FENCE.sub("", text)


def tables(text: str) -> Iterator[list[list[str]]]:
    """The cells of each table, its head first."""
    for found in re.findall(r"(?:^\|.*\|\n?)+", prose(text), re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line.strip()[1:-1]) for line in found.splitlines()]
        yield [[cell.strip() for cell in line] for line in (lines[0], *lines[2:])]


def verbs(group: LazyGroup = program, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All verbs by their full name, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, LazyGroup):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


VERBS = dict(verbs())
