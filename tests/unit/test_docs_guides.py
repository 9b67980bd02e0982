"""What the guides say to type and to write is so: commands, files, messages, links and drawings."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from envmgr.cli.command import LazyGroup
from envmgr.cli.program import program
from envmgr.config.branch_file import parse_branch_file
from envmgr.config.load import load

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
ORGANIZATION = "organization: acme\nrepositories: [{name: shop, url: /srv/shop.git}]\n"


def _is_ours(page: Path) -> bool:
    """Whether people wrote it for users; the reference is generated, the project's pages are for builders."""
    return page.relative_to(DOCS).parts[0] not in ("reference", "project")


PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if _is_ours(path)
}


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks in some languages, each with its place."""
    for page, text in PAGES.items():
        for found in FENCE.finditer(text):
            if found[2] in languages:
                line = text[: found.start()].count("\n") + 1
                yield f"{page}:{line}", re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)


# --- commands ----------------------------------------------------------------------------------


def typed() -> Iterator[tuple[str, str]]:
    """Every line that is typed into a shell, each with its place."""
    for place, block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield place, line
    for place, block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield place, line[2:]


def commands() -> Iterator[tuple[str, str]]:
    """The words after `envmgr` in every such line."""
    for place, line in typed():
        for part in re.split(r"&&|\|\||\||\$\(|\)|;|\bdo\b", line.partition(" #")[0]):
            words = shlex.split(part.replace('"', "").replace("'", ""))
            while words and (words[0] in ("sudo", "env") or re.match("[A-Z_]+=", words[0])):
                words = words[1:]
                if words[:1] == ["-u"]:
                    words = words[2:]
            if words[:1] == ["envmgr"]:
                yield place, shlex.join(words[1:])


def mentions() -> Iterator[tuple[str, str]]:
    """The words after `envmgr` in every piece of inline code."""
    for page, text in PAGES.items():
        for span in re.findall(r"`envmgr ([^`]+)`", FENCE.sub("", text)):
            yield page, span


def parsed(text: str) -> tuple[click.Command, dict[str, object]]:
    """The verb that a command line means and what it is given; fails where click would."""
    command: click.Command = program
    words = [word for word in shlex.split(text) if not re.match("[0-9]?[<>]", word)]
    while isinstance(command, LazyGroup):
        context = click.Context(command)
        _, words, _ = command.make_parser(context).parse_args(words)
        if not words:
            return command, {}
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no verb {words[0]}"
        command, words = found, words[1:]
    given, left, _ = command.make_parser(click.Context(command)).parse_args(words)
    assert not left, f"{command.name} takes no {left}"
    return command, dict(given)


@pytest.mark.parametrize(("place", "text"), sorted(set(commands())))
def test_a_command_can_be_typed(place: str, text: str) -> None:
    """Verb and options exist, and no argument is missing."""
    command, given = parsed(text)
    assert text.startswith("--") or not isinstance(command, LazyGroup), place
    required = {p.name for p in command.params if p.param_type_name == "argument" and p.required}
    assert required <= {name for name, value in given.items() if isinstance(value, str | tuple | list)}, place


@pytest.mark.parametrize(("page", "text"), sorted(set(mentions())))
def test_a_command_that_is_mentioned_exists(page: str, text: str) -> None:
    """Verb and options."""
    parsed(text)


@pytest.mark.parametrize("text", ["nosuch", "list --nosuch", "show alice bob"])
def test_a_wrong_command_would_be_found(text: str) -> None:
    """The checks above can fail, and there is something to check."""
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(text)
    assert len(set(commands())) > 20


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "text"), blocks("yaml"))
def test_a_file_loads(place: str, text: str, tmp_path: Path) -> None:
    """As an organization's, the daemon's or a branch's file, without a warning."""
    if "organization:" in text:
        (tmp_path / "acme.yaml").write_text(text)
        assert load(tmp_path).warnings == (), place
    elif re.search(r"^daemon:", text, re.MULTILINE):
        (tmp_path / "daemon.yaml").write_text(text)
        (tmp_path / "acme.yaml").write_text(ORGANIZATION)
        assert load(tmp_path).warnings == (), place
    else:
        parse_branch_file(text.encode(), allow_deploy=True)


@pytest.mark.parametrize(("place", "text"), blocks("yaml"))
def test_a_module_has_the_variables_that_are_set(place: str, text: str, tmp_path: Path) -> None:
    """Where an organization file names a module, its repository's variables are that module's."""
    if "organization:" not in text:
        return
    (tmp_path / "acme.yaml").write_text(text)
    for repository in load(tmp_path).organizations[0].repositories:
        if module := repository.terraform.module:
            code = (CHECKOUT / "terraform_modules" / str(module) / "variables.tf").read_text()
            assert set(repository.variables) <= set(re.findall(r'^variable "(\w+)"', code, re.MULTILINE)), place


# --- links -------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a link names them."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_somewhere(page: str) -> None:
    """To a page or picture of the documents, and to a heading that is there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", PAGES[page])):
        assert "://" not in target, "the documents stand by themselves"
        path, _, anchor = target.partition("#")
        found = (DOCS / page).parent / path if path else DOCS / page
        assert found.is_file(), target
        assert not anchor or anchor in anchors(found), target


# --- messages ----------------------------------------------------------------------------------


@cache
def sentences() -> tuple[str, ...]:
    """Every text of the package, with `…` for each value in it."""
    found = []
    for path in sorted((CHECKOUT / "envmgr").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
                )
    return tuple(found)


def messages() -> list[tuple[str, list[str]]]:
    """The rows of the tables in Troubleshooting whose first cell is a message: that, and all cells."""
    rows = [line for line in PAGES["troubleshooting.md"].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in rows]
    return [(row[0].strip("`"), row) for row in cells]


@pytest.mark.parametrize(("fragment", "row"), messages())
def test_a_message_is_still_said(fragment: str, row: list[str]) -> None:
    """As it is quoted, somewhere in the code, and with something to do about it."""
    assert any(fragment in sentence for sentence in sentences()), f"nobody says {fragment!r} any more"
    assert len(row) == 3
    assert all(len(cell) > 5 for cell in row)


def test_messages_are_looked_for_exactly() -> None:
    """The check above can fail, there is something to check, and nothing is said twice."""
    assert not any("is held by … and others" in sentence for sentence in sentences())
    quoted = [fragment for fragment, _ in messages()]
    assert len(quoted) == len(set(quoted)) >= 100
