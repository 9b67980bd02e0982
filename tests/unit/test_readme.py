"""What README and the pages say is so: commands can be typed, files load, links lead somewhere, messages are said."""

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest
from ruamel.yaml import YAML

from envmgr.cli.command import LazyGroup
from envmgr.cli.program import program
from envmgr.config.branch_file import parse_branch_file
from envmgr.config.load import load
from tests.unit.documents_example import CHECKOUT, DOCS, TEXTS, blocks, prose, tables

T = TypeVar("T")

README = TEXTS["README.md"]


def by_page(found: Iterable[tuple[str, T]]) -> list[Any]:
    """One set of arguments for each page, with all that was found there: a test for each would be a thousand."""
    pages: dict[str, list[T]] = {}
    for where, each in found:
        pages.setdefault(where, []).append(each)
    return [pytest.param(where, each, id=where) for where, each in pages.items()]


def test_readme_is_short_and_names_both_commands() -> None:
    """All else has a page."""
    assert len(README.splitlines()) <= 150
    assert {"make demo", "make test"} <= {line for _, body in blocks("sh") for line in body.splitlines()}


# --- commands --------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of envmgr in the shell blocks: where it is, and the words after `envmgr`."""
    typed = [(where, line) for where, body in blocks("sh") for line in body.replace("\\\n", " ").splitlines()]
    for where, body in blocks("console"):
        typed += [(where, line[2:]) for line in body.splitlines() if line.startswith("$ ")]
    for where, line in typed:
        yield from ((where, words) for words in typed_in(line))


def typed_in(line: str) -> Iterator[list[str]]:
    """The words after each `envmgr` in a line of shell."""
    for part in re.split(r"&&|\||\$\(|\)|;|\bdo\b", line.partition(" #")[0]):
        words = shlex.split(re.sub("[\"']", "", part.partition(" >")[0]))
        while words and (words[0] in ("sudo", "env", "-u") or re.match("[A-Z_]+=", words[0])):
            words = words[2:] if words[0] == "-u" else words[1:]
        if words[:1] == ["envmgr"]:
            yield words[1:]


def mentions() -> Iterator[tuple[str, list[str]]]:
    """The words after `envmgr` in every piece of inline code."""
    for path, text in TEXTS.items():
        for span in re.findall(r"`(envmgr [^`]+)`", prose(text)):
            yield from (
                (path, words)
                for words in typed_in(span.replace("…", "ENV").replace("\\|", "|").replace(" *", ""))
            )


def parsed(words: list[str]) -> tuple[click.Command, dict[str, object]]:
    """The verb that a command line means and what it is given; fails where click would."""
    command: click.Command = program
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


@pytest.mark.parametrize(("where", "typed"), by_page(commands()))
def test_a_command_can_be_typed(where: str, typed: list[list[str]]) -> None:
    """Verb and options exist, and no argument is missing."""
    for words in typed:
        command, given = parsed(list(words))
        is_asked = {"--help", "--version"} & set(words)
        assert not isinstance(command, LazyGroup) or command.invoke_without_command or is_asked, words
        required = {p.name for p in command.params if p.param_type_name == "argument" and p.required}
        assert required <= {n for n, value in given.items() if isinstance(value, str | tuple | list)}, words


def test_there_are_commands() -> None:
    """Else the test above could not fail."""
    assert len(list(commands())) > 40


@pytest.mark.parametrize(("where", "mentioned"), by_page(mentions()))
def test_a_command_that_is_mentioned_exists(where: str, mentioned: list[list[str]]) -> None:
    """Verb and options; `VERB` stands for any."""
    for words in mentioned:
        if words[0] != "VERB":
            parsed(words)


@pytest.mark.parametrize("words", [["nosuch"], ["list", "--nosuch"], ["show", "alice", "bob"]])
def test_a_wrong_command_would_be_found(words: list[str]) -> None:
    """The checks above can fail."""
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(words)


TARGETS = set(re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    ("where", "target"),
    sorted(
        {
            (where, t)
            for where, text in TEXTS.items()
            for t in re.findall(r"(?:`|^)make (\w+)", text, re.MULTILINE)
        }
    ),
)
def test_what_make_is_asked_for_is_there(where: str, target: str) -> None:
    """A target of the Makefile."""
    assert target in TARGETS


def test_the_fixtures_that_are_named_are_there() -> None:
    """All in the one place that CONTRIBUTING names."""
    (rows,) = [t for t in tables(TEXTS["CONTRIBUTING.md"]) if t[0][0] == "fixture"]
    named = {name for row in rows[1:] for name in re.findall(r"`(\w+)`", row[0])}
    conftest = (CHECKOUT / "tests" / "conftest.py").read_text(encoding="utf-8")
    assert len(named) > 5
    assert named <= set(re.findall(r"^def (\w+)", conftest, re.MULTILINE))


# --- files -----------------------------------------------------------------------------------


def yaml(key: str) -> list[tuple[str, str]]:
    """The whole files that are shown, by a key that they have; `yml` marks what is a part of one."""
    return [(where, text) for where, text in blocks("yaml") if re.search(rf"^{key}:", text, re.MULTILINE)]


ORGANIZATIONS = yaml("organization")
SETTINGS = yaml("(?:daemon|server)")
BRANCH_FILES = [block for block in blocks("yaml") if block not in (*ORGANIZATIONS, *SETTINGS)]


@pytest.mark.parametrize(("where", "text"), ORGANIZATIONS, ids=[where for where, _ in ORGANIZATIONS])
def test_an_organization_file_loads(where: str, text: str, tmp_path: Path) -> None:
    """As it is, without a warning."""
    (tmp_path / "acme.yaml").write_text(text)
    configuration = load(tmp_path)
    assert configuration.organizations[0].repositories
    assert configuration.warnings == ()


@pytest.mark.parametrize(("where", "text"), BRANCH_FILES, ids=[where for where, _ in BRANCH_FILES])
def test_a_branch_file_loads(where: str, text: str) -> None:
    """As it is, where branches may bring steps."""
    assert parse_branch_file(text.encode(), allow_deploy=True) is not None


@pytest.mark.parametrize(("where", "text"), SETTINGS, ids=[where for where, _ in SETTINGS])
def test_settings_load(where: str, text: str, tmp_path: Path) -> None:
    """As they are."""
    (tmp_path / "daemon.yaml").write_text(text)
    (tmp_path / "acme.yaml").write_text(ORGANIZATIONS[0][1])
    assert load(tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("where", "line"),
    [(where, line) for where, text in TEXTS.items() for line in re.findall(r"`(daemon: \{.*?\})`", text)],
    ids=str,
)
def test_a_setting_of_one_line_loads(where: str, line: str, tmp_path: Path) -> None:
    """The file of one line; `…` stands for any text."""
    test_settings_load(where, line.replace("…", "postgresql://envmgr@db.example.com/envmgr"), tmp_path)


def test_there_are_files() -> None:
    """Else the tests above could not fail."""
    assert len(ORGANIZATIONS) > 3
    assert BRANCH_FILES
    assert SETTINGS


@pytest.mark.parametrize(("where", "text"), ORGANIZATIONS, ids=[where for where, _ in ORGANIZATIONS])
def test_modules_are_there_with_the_variables_that_are_set(where: str, text: str) -> None:
    """Those that the organization files name."""
    for repository in YAML(typ="safe", pure=True).load(text)["repositories"]:
        module = (repository.get("terraform") or {}).get("module")
        if module:  # else with code of its own
            variables = (CHECKOUT / "terraform_modules" / module / "variables.tf").read_text()
            declared = re.findall(r'^variable "(\w+)"', variables, re.MULTILINE)
            assert set(repository.get("variables", {})) <= set(declared)


# --- links -----------------------------------------------------------------------------------


@cache
def anchors(path: Path) -> set[str]:
    """The headings of a text, as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w -]", "", h).lower().strip()) for h in headings}


LINKS = sorted({(p, t) for p, text in TEXTS.items() for t in re.findall(r"\]\(([^)\s]+)\)", prose(text))})


@pytest.mark.parametrize(("where", "targets"), by_page(LINKS))
def test_a_link_leads_somewhere(where: str, targets: list[str]) -> None:
    """To a file, a folder or a heading; README stands by itself, and a page links to pages of the site only."""
    for target in targets:
        if "://" in target:
            assert where.startswith("docs/"), f"README stands by itself: {target}"
            continue
        path, _, anchor = target.partition("#")
        place = ((CHECKOUT / where).parent / path).resolve() if path else CHECKOUT / where
        assert place.exists(), target
        assert not where.startswith("docs/") or place.is_relative_to(DOCS), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize(
    ("where", "paths"),
    by_page(
        (where, path)
        for where, text in TEXTS.items()
        for path in re.findall(r"`((?:tests|envmgr|terraform_modules|systemd|docs)/[\w./@-]*)`", text)
    ),
)
def test_a_file_that_is_named_exists(where: str, paths: list[str]) -> None:
    """A path in code that starts at the top of the checkout."""
    assert [path for path in paths if not (CHECKOUT / path).exists()] == []


def test_every_promise_names_its_proof() -> None:
    """All 16, each with tests that are there."""
    found = [t for text in TEXTS.values() for t in tables(text) if "promise" in t[0]]
    (_, *promises) = found[-1]
    assert [row[0] for row in promises] == [str(number) for number in range(1, 17)]
    for number, _, proof in promises:
        tests = re.findall(r"\btests/[\w/]+\.py", proof)
        assert tests, number
        assert all((CHECKOUT / test).is_file() for test in tests), number


# --- messages --------------------------------------------------------------------------------


def messages() -> Iterator[tuple[str, list[str]]]:
    """The rows of every table of messages: where it is, and the cells."""
    for path, text in TEXTS.items():
        for head, *lines in tables(text):
            if head[0].lower() == "message":
                yield from ((path, line) for line in lines)


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


@pytest.mark.parametrize(("where", "rows"), by_page(messages()))
def test_a_message_is_still_said(where: str, rows: list[list[str]]) -> None:
    """As it is quoted, somewhere in the code, and with something to do about it."""
    for row in rows:
        fragment = row[0].strip("`").replace("\\|", "|")
        inner = f"{fragment[:1].lower()}{fragment[1:]}"  # as it goes on after a colon
        assert any(fragment in said or inner in said for said in sentences()), (
            f"nobody says {fragment!r} any more"
        )
        assert len(row) == 3, row
        assert all(len(cell) > 5 for cell in row), row


def test_messages_are_looked_for_exactly() -> None:
    """The check above can fail, and there is something to check."""
    assert not any("is held by … and others" in sentence for sentence in sentences())
    assert len(list(messages())) >= 25
