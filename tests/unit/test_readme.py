"""What README says is so: its verbs, commands, links and messages exist, and none is left out."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from envmgr.cli.command import LazyGroup, shared_options
from envmgr.cli.program import program
from envmgr.config.branch_file import parse_branch_file
from envmgr.config.load import load

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SHARED = {name for option in shared_options() for name in option.opts}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def between(name: str) -> str:
    """What stands between a pair of markers."""
    return README.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]


def rows(name: str) -> list[list[str]]:
    """The cells of the table between a pair of markers, without its head."""
    lines = [line for line in between(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def blocks(*languages: str) -> list[str]:
    """The fenced blocks in some languages."""
    return [body for _, language, body in FENCE.findall(README) if language in languages]


def verbs(group: LazyGroup = program, before: str = "") -> Iterator[tuple[str, str, click.Command]]:
    """All verbs by their full name, with their short help, those of groups too."""
    context = click.Context(group)
    for section in group._sections.values():
        for name, (_, about) in section.items():
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, LazyGroup):
                yield from verbs(command, f"{before}{name} ")
            else:
                yield f"{before}{name}", about, command


VERBS = {name: (about, command) for name, about, command in verbs()}


def options(command: click.Command) -> set[str]:
    """A verb's own options by their long names."""
    own = [p for p in command.params if isinstance(p, click.Option) and not SHARED & set(p.opts)]
    return {next(name for name in p.opts if name.startswith("--")) for p in own}


# --- verbs -----------------------------------------------------------------------------------


def test_the_table_has_every_verb_and_no_other() -> None:
    """In the order of `envmgr --help`, but for those that start."""
    named = [re.sub(r" [A-Z[].*", "", row[0].strip("`")) for row in rows("verbs")]
    assert sorted(named) == sorted(VERBS)
    assert len(named) == len(set(named)) > 15


@pytest.mark.parametrize("row", rows("verbs"), ids=lambda row: row[0].strip("`"))
def test_a_verb_is_as_its_help_says(row: list[str]) -> None:
    """Its short help, its arguments, all of its options and no other."""
    name = re.sub(r" [A-Z[].*", "", row[0].strip("`"))
    about, command = VERBS[name]
    arguments = [
        p.make_metavar(click.Context(command)) for p in command.params if p.param_type_name == "argument"
    ]
    assert row[0].strip("`").split() == [*name.split(), *arguments]
    assert row[1] == about
    assert set(re.findall(r"--[a-z-]+", row[2])) == options(command)


# --- commands --------------------------------------------------------------------------------


def commands() -> Iterator[list[str]]:
    """The words after `envmgr` in every shell block."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\||\$\(|\)|;", line.partition(" #")[0]):
                words = shlex.split(part.replace('"', ""))
                if words[:3] == ["sudo", "-u", "envmgr"]:
                    words = [word for word in words[3:] if not re.match("[A-Z_]+=", word)]
                if words[:1] == ["envmgr"]:
                    yield words[1:]


def mentions() -> Iterator[list[str]]:
    """The words after `envmgr` in every piece of inline code."""
    for span in re.findall(r"`envmgr ([^`]+)`", FENCE.sub("", README)):
        yield shlex.split(span)


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


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_command_can_be_typed(words: list[str]) -> None:
    """Verb and options exist, and no argument is missing."""
    command, given = parsed(words)
    assert not isinstance(command, LazyGroup)
    required = {p.name for p in command.params if p.param_type_name == "argument" and p.required}
    assert required <= {name for name, value in given.items() if isinstance(value, str | tuple | list)}


def test_there_are_commands() -> None:
    """Else the test above could not fail."""
    assert len(list(commands())) > 8


@pytest.mark.parametrize("words", list(mentions()), ids=" ".join)
def test_a_command_that_is_mentioned_exists(words: list[str]) -> None:
    """Verb and options."""
    parsed(words)


@pytest.mark.parametrize("words", [["nosuch"], ["list", "--nosuch"], ["show", "alice", "bob"]])
def test_a_wrong_command_would_be_found(words: list[str]) -> None:
    """The checks above can fail."""
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(words)


# --- files -----------------------------------------------------------------------------------


def organizations() -> list[str]:
    """The organization files that README shows."""
    return [block for block in blocks("yaml") if "organization:" in block]


@pytest.mark.parametrize(
    "text", organizations(), ids=lambda text: f"line {README[: README.index(text)].count(chr(10)) + 1}"
)
def test_an_organization_file_loads(text: str, tmp_path: Path) -> None:
    """As it is, without a warning."""
    (tmp_path / "acme.yaml").write_text(text)
    configuration = load(tmp_path)
    assert configuration.organizations[0].repositories[0].name == "shop"
    assert configuration.warnings == ()


def test_the_branch_file_loads() -> None:
    """As it is."""
    (text,) = [block for block in blocks("yaml") if "organization:" not in block]
    asked = parse_branch_file(text.encode(), allow_deploy=False)
    assert asked.variables
    assert asked.ttl


def test_the_database_setting_loads(tmp_path: Path) -> None:
    """The file of one line."""
    (text,) = re.findall(r"`(daemon: \{.*\})`", README)
    (tmp_path / "daemon.yaml").write_text(text)
    (tmp_path / "acme.yaml").write_text(organizations()[0])
    assert str(load(tmp_path).settings.database) == "{systemd: envmgr-database}"


def test_the_modules_are_there_with_the_variables_that_are_set() -> None:
    """Those that the organization files name."""
    for text in organizations():
        (repository,) = YAML(typ="safe", pure=True).load(text)["repositories"]
        if "terraform" not in repository:
            continue  # with code of its own
        folder = CHECKOUT / "terraform_modules" / repository["terraform"]["module"]
        declared = re.findall(r'^variable "(\w+)"', (folder / "variables.tf").read_text(), re.MULTILINE)
        assert set(repository["variables"]) <= set(declared)


# --- links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)\s]+)\)", README))))
def test_a_link_leads_somewhere(target: str) -> None:
    """A file or folder of the checkout, or a heading."""
    assert "://" not in target, "README stands by itself"
    path, _, anchor = target.partition("#")
    assert (CHECKOUT / path).exists()
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    assert not anchor or anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_every_promise_names_its_proof() -> None:
    """All 15, each with a test, or with what is to come."""
    promises = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", README, re.MULTILINE)
    assert [int(number) for number, _ in promises] == list(range(1, 16))
    for number, proof in promises:
        assert "](tests/" in proof or "to come" in proof, number


# --- messages --------------------------------------------------------------------------------


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


@pytest.mark.parametrize("row", rows("messages"), ids=lambda row: row[0].strip("`"))
def test_a_message_is_still_said(row: list[str]) -> None:
    """As it is quoted, somewhere in the code, and with something to do about it."""
    fragment = row[0].strip("`")
    assert any(fragment in sentence for sentence in sentences()), f"nobody says {fragment!r} any more"
    assert len(row) == 3
    assert all(len(cell) > 5 for cell in row)


def test_messages_are_looked_for_exactly() -> None:
    """The check above can fail, and there is something to check."""
    assert not any("is held by … and others" in sentence for sentence in sentences())
    assert len(rows("messages")) >= 25
