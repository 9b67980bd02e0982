"""The reference is what the code says: it is up to date, and leaves nothing out."""

import ast
import re
from enum import StrEnum
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from envmgr.cli.command import shared_options
from envmgr.config.branch_file import BranchFile
from envmgr.config.problems import fields_of, section_of
from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.models import OrganizationFile
from envmgr.domain.audit.compare import Kind
from envmgr.domain.rules import severity
from envmgr.domain.values.environment import Guard, RunKind, RunStatus, Status, Suspension
from envmgr.domain.values.health import Condition
from tests.reference import command_line, json_objects, meanings
from tests.reference.__main__ import documents, write
from tests.reference.journeys import JOURNEYS, Step
from tests.reference.options import type_name
from tests.unit.documents_example import CHECKOUT, TEXTS, VERBS

GENERATED = documents(CHECKOUT)


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_the_reference_is_up_to_date(path: Path) -> None:
    """As `make docs` would write it."""
    found = (CHECKOUT / path).read_text(encoding="utf-8")
    assert found == GENERATED[path], "run `make docs` and commit what it wrote"


def test_no_page_of_the_reference_is_written_by_hand() -> None:
    """Each comes from the code."""
    there = {path.relative_to(CHECKOUT) for path in (CHECKOUT / "docs" / "reference").iterdir()}
    assert there == {path for path in GENERATED if path.parent.name == "reference"}


def test_what_is_written_lies_where_it_belongs(tmp_path: Path) -> None:
    """Also where the folders are not there yet."""
    (tmp_path / "pyproject.toml").write_bytes((CHECKOUT / "pyproject.toml").read_bytes())
    write(tmp_path)
    assert {p.relative_to(tmp_path) for p in (tmp_path / "docs").rglob("*") if p.is_file()} == set(GENERATED)


# --- options ---------------------------------------------------------------------------------


def named(page: str) -> set[str]:
    """The options in the tables of a page, each once: the heading above a table is where its section stands."""
    found, place = [], ""
    for line in TEXTS[f"docs/reference/{page}"].splitlines():
        if heading := re.match(r"#+ (.+)", line):
            is_section = heading[1].startswith("`")
            place = f"{heading[1].strip('`')}." if is_section else ""
        elif row := re.match(r"\| `(\w+)` \|", line):
            found.append(f"{place}{row[1]}".replace("[]", ""))
    assert len(found) == len(set(found))
    return set(found)


def last(model: type[BaseModel], seen: frozenset[type[BaseModel]] = frozenset()) -> set[str]:
    """The last two parts of the path of each option."""
    found = set()
    for name, field in fields_of(model):
        found.add(name)
        inner = section_of(field.annotation)
        if inner is not None and inner not in seen:
            below = last(inner, seen | {inner})
            found |= {f"{name}.{each}" if "." not in each else each for each in below}
    return found


@pytest.mark.parametrize(
    ("page", "model"),
    [("organization-file.md", OrganizationFile), ("branch-file.md", BranchFile), ("settings.md", DaemonFile)],
)
def test_every_option_has_a_row(page: str, model: type[BaseModel]) -> None:
    """Where one section stands at several places, at the first of them."""
    there = named(page)
    ends = {option.rpartition(".")[2] for option in there}
    assert {option.rpartition(".")[2] for option in last(model)} == ends
    assert set(model.model_fields) <= there


def test_some_options_are_as_expected() -> None:
    """The checks above look at the right thing."""
    assert {"organization", "backend.s3.bucket", "schedule.down_run.timeout"} <= named("organization-file.md")
    assert "daemon.retention" in named("settings.md")
    assert "| `interval` | duration | `30s` | How often" in TEXTS["docs/reference/organization-file.md"]
    assert type_name(tuple[str, ...]) == "list of texts"


# --- verbs and JSON --------------------------------------------------------------------------


def options(command: click.Command) -> set[str]:
    """A verb's own options by their long names."""
    shared = {name for option in shared_options() for name in option.opts}
    own = [p for p in command.params if isinstance(p, click.Option) and not shared & set(p.opts)]
    return {next(name for name in p.opts if name.startswith("--")) for p in own}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_there_with_its_options_and_its_example(verb: str) -> None:
    """All of its options and no other; an example that names it."""
    text = TEXTS["docs/reference/command-line.md"]
    section = text.split(f"\n### `{verb}`\n")[1].split("\n## ")[0].split("\n### ")[0]
    assert set(re.findall(r"^\| .*`(--[a-z-]+)", section, re.MULTILINE)) == options(VERBS[verb])
    assert re.search(rf"```sh\n(.*\n)*.*envmgr .*{verb}", section)


def test_verbs_with_exit_codes_of_their_own_exist() -> None:
    """And those that say in their help that they have some are among them."""
    assert set(command_line.OWN) <= set(VERBS)
    saying = {name for name, command in VERBS.items() if "Exit code" in (command.help or "")}
    assert saying <= set(command_line.OWN)


def test_every_verb_that_gives_json_says_which() -> None:
    """And no other; each object is one that is described."""
    giving = {name for name, command in VERBS.items() if "--json" in options(command)}
    assert set(json_objects.GIVES) == giving
    assert {name for name, _, _ in json_objects.GIVES.values()} <= set(json_objects.kinds())


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Status, meanings.STATUSES),
        (Guard, meanings.GUARDS),
        (Suspension, meanings.SUSPENSIONS),
        (Condition, meanings.CONDITIONS),
        (RunKind, meanings.RUN_KINDS),
        (RunStatus, meanings.RUN_STATUSES),
        (Kind, meanings.FINDINGS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_word_has_a_meaning(kind: type[StrEnum], words: dict[str, str]) -> None:
    """And no other one has."""
    assert {member.value for member in kind} == set(words)


def recorded() -> tuple[set[str], set[str]]:
    """The actions by which events are recorded, and all texts of the code that could be one."""
    named, texts = set[str](), set[str]()
    for part in ("engine", "commands", "daemon"):
        for path in (CHECKOUT / "envmgr" / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.add(node.value)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) > 2:
                    action = node.args[1]
                    if node.func.attr in ("event", "record") and isinstance(action, ast.Constant):
                        named.add(str(action.value))
    return named, texts


def test_every_event_has_a_meaning() -> None:
    """And none has one that nothing records."""
    named, texts = recorded()
    assert len(named) > 30
    assert named <= set(meanings.EVENTS)
    assert set(meanings.EVENTS) <= texts
    assert list(meanings.EVENTS) == sorted(meanings.EVENTS)
    assert severity.level_of("failed") == "error"


# --- journeys --------------------------------------------------------------------------------


def defined(module: str) -> set[str]:
    """The functions and methods of a module."""
    tree = ast.parse((CHECKOUT / "envmgr" / f"{module}.py").read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "step", [s for j in JOURNEYS for s in j.steps], ids=lambda s: f"{s.module}.{s.function}"
)
def test_every_step_of_a_journey_is_there(step: Step) -> None:
    """The module, and the function in it."""
    assert step.function in defined(step.module)
    assert step.does.endswith(".")


def test_the_drawing_has_every_folder_that_the_contracts_have() -> None:
    """In their order from top to bottom, and nothing that is not a folder of the package."""
    drawn = re.findall(r'font-weight="bold">(\w+)<', GENERATED[Path("docs/project/layers.svg")])
    folders = {path.name for path in (CHECKOUT / "envmgr").iterdir() if (path / "__init__.py").is_file()}
    assert set(drawn) == folders
    assert drawn[0] == "cli"
    assert drawn[-1] == "domain"
