"""The shape of the code is kept by machines: imports, sizes, names and docstrings."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "envmgr"
MAX_FILE = 400
MAX_FUNCTION = 60
MAX_MODULES = 20
# Words that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}

# What the engine does to this host lies in `host/`, but for these, each with its reason.
ON_THIS_HOST = {
    "context/layout.py": "makes the data folder and says whose it is, and how much room is left",
    "source/kept.py": "packs what a destroy needs into one object",
    "work/lock_recorder.py": "knows by which name Terraform notes our user and host in a lock",
}

# Who starts processes, and of whom: what runs a branch's words is started in its cage alone.
STARTS = {
    "adapters/steps/runner.py": "a branch's",
    "adapters/terraform/session.py": "a branch's",
    "adapters/git/conversation.py": "git, which runs nothing of a repository",
    "adapters/git/process.py": "git, which runs nothing of a repository",
    "adapters/policy/opa.py": "the organization's policies",
    "adapters/policy/rego.py": "the organization's policies",
    "adapters/steps/sandbox.py": "asks for a version",
    "adapters/terraform/versions.py": "asks for a version, in an empty folder",
    "cli/demo/repository.py": "git, for a demo",
    "host/cage/bubblewrap.py": "tries a cage",
    "host/cage/devices.py": "tries a mount",
    "host/cage/network.py": "the proxies of cages",
    "host/cage/trial.py": "tries a cage",
    "host/children/child.py": "what it is given",
    "host/fence.py": "envmgr itself",
    "host/programs.py": "asks for a version",
}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
FILES = sorted(PACKAGE.rglob("*.py"))


def where(path: Path, node: ast.stmt | None = None) -> str:
    """The place in a form that editors open."""
    return f"{path.relative_to(ROOT)}:{node.lineno if node else 1}"


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> Sequence[ast.AST]:
    """All that is in the file; to walk through it takes as long as to parse it."""
    return tuple(ast.walk(tree(path)))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of the file, inner ones too."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is, its signature counted and its decorators not."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def public(body: list[ast.stmt]) -> Iterator[Definition]:
    """What others may call: top-level definitions and the methods of public classes."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def imported(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Each import statement and the module that it names; relative ones stay in the package."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node, node.module or ""


def protocols(ports: list[ast.Module]) -> dict[str, set[str]]:
    """The Protocols of some modules with the names of their own methods."""
    return {
        node.name: {method.name for method in node.body if isinstance(method, ast.FunctionDef)}
        for module in ports
        for node in module.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    }


def annotations(module: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Every name that has a type, and the type: arguments, fields, and what functions give."""
    for node in module:
        if isinstance(node, ast.arg) and node.annotation:
            yield node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            yield last_name(node.target), node.annotation
        elif isinstance(node, ast.FunctionDef) and node.returns:
            yield node.name, node.returns


def types_in(annotation: ast.expr) -> Iterator[str]:
    """The names of the types in an annotation, within quotes too."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            with suppress(SyntaxError):  # what documents a field is no type
                yield from types_in(ast.parse(node.value, mode="eval").body)


def uncalled(ports: list[ast.Module], callers: list[Sequence[ast.AST]]) -> list[str]:
    """The methods of ports that nothing with such a type is asked for anywhere in what is in the callers.

    A receiver is known by its last name (`services.git`), and that by the types it is given anywhere.
    """
    methods = protocols(ports)
    typed: dict[str, set[str]] = {}
    for module in callers:
        for name, annotation in annotations(module):
            typed.setdefault(name.lstrip("_"), set()).update(methods.keys() & set(types_in(annotation)))
    asked = {
        f"{port}.{node.attr}"
        for module in callers
        for node in module
        if isinstance(node, ast.Attribute)
        for port in typed.get(last_name(node.value), ())
    }
    return sorted({f"{port}.{name}" for port, names in methods.items() for name in names} - asked)


def last_name(receiver: ast.expr) -> str:
    """`git` of `services.git`, `state` of `organization.state()`."""
    called = receiver.func if isinstance(receiver, ast.Call) else receiver
    return str(getattr(called, "attr", None) or getattr(called, "id", "")).lstrip("_")


def test_there_is_code_to_check() -> None:
    """An empty list would let every other test here pass."""
    assert len(FILES) > 5


def test_the_domain_knows_only_the_standard_library() -> None:
    """The functional core has no library, no adapter and no configuration to lean on."""
    found = [
        f"{where(path, node)} imports {module}"
        for path in sorted((PACKAGE / "domain").rglob("*.py"))
        for node, module in imported(path)
        if module.split(".")[0] not in sys.stdlib_module_names
        and module.split(".")[:2] != ["envmgr", "domain"]
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "forbidden", ["logging", "socket", "subprocess", "os", "time", "random", "threading"]
)
def test_the_domain_does_nothing(forbidden: str) -> None:
    """No input or output, no clock, no logging: what it decides depends on what it is given."""
    found = [
        where(path, node)
        for path in sorted((PACKAGE / "domain").rglob("*.py"))
        for node, module in imported(path)
        if module.split(".")[0] == forbidden
    ]
    assert not found, "\n".join(found)


def test_the_engine_leaves_this_host_to_others() -> None:
    """Decisions and what is done to files, sockets and users stand apart; where they do not, it is named above."""
    engine = PACKAGE / "engine"
    found = {
        str(path.relative_to(engine))
        for path in sorted(engine.rglob("*.py"))
        for _, module in imported(path)
        if module.split(".")[0] in {"os", "shutil", "zipfile", "socket", "pwd"}
    }
    assert found == ON_THIS_HOST.keys()


def test_files_stay_short() -> None:
    """Whoever opens a file can read it."""
    sizes = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {place: size for place, size in sizes.items() if size > MAX_FILE}


def test_folders_stay_small() -> None:
    """Whoever opens a folder can see what is in it. Migrations are a history: each stays, and comes one after the other."""
    files = [path for path in FILES if path.name != "__init__.py" and path.parent.name != "versions"]
    sizes = Counter(path.parent.relative_to(ROOT) for path in files)
    assert not {str(folder): size for folder, size in sizes.items() if size > MAX_MODULES}


def test_functions_stay_short() -> None:
    """A function fits on one screen."""
    found = [
        f"{where(path, node)} {node.name} has {lines(node)} lines"
        for path in FILES
        for node in functions(path)
        if lines(node) > MAX_FUNCTION
    ]
    assert not found, "\n".join(found)


def test_modules_are_named_for_what_they_hold() -> None:
    """A name that fits everything attracts everything."""
    found = [where(path) for path in FILES if {path.stem, path.parent.name} & EMPTY_NAMES]
    assert not found, "\n".join(found)


def test_what_is_public_says_its_role() -> None:
    """Every module, and every public class and function, has a docstring."""
    found = [
        where(path) for path in FILES if path.name != "__init__.py" and not ast.get_docstring(tree(path))
    ]
    found += [
        f"{where(path, node)} {node.name}"
        for path in FILES
        for node in public(tree(path).body)
        if not ast.get_docstring(node)
    ]
    assert not found, "\n".join(found)


def test_every_method_of_a_port_has_a_caller() -> None:
    """What no caller asks for is a promise that every adapter keeps for nobody."""
    callers = [nodes(path) for path in FILES if "adapters" not in path.parts]
    assert not uncalled([tree(path) for path in sorted((PACKAGE / "ports").glob("*.py"))], callers)


@pytest.mark.parametrize(
    ("caller", "found"),
    [
        ("def f(git: Git) -> None: git.fetch()", ["Git.tree", "Modules.tree"]),
        ("def f(git: 'Git | None', made: Modules) -> None: (git.tree, git.fetch, made.tree)", []),
        ("class S:\n git: Git\ndef f(s: S) -> None: (s.git.fetch, s.git.tree)", ["Modules.tree"]),
        ("def modules() -> Modules: ...\nmodules().tree()", ["Git.fetch", "Git.tree"]),
        ("def f(node: Tree) -> None: (node.tree, node.fetch)", ["Git.fetch", "Git.tree", "Modules.tree"]),
    ],
)
def test_a_method_of_a_port_without_a_caller_is_found(caller: str, found: list[str]) -> None:
    """Also where another port has one of the same name that is called."""
    ports = """
class Git(Protocol):
    def fetch(self) -> None: ...
    def tree(self) -> str: ...
class Modules(Protocol):
    def tree(self) -> str: ...
"""
    assert uncalled([ast.parse(ports)], [list(ast.walk(ast.parse(caller)))]) == found


def test_what_runs_a_branchs_words_is_started_in_its_cage_alone() -> None:
    """Whoever starts processes is known, and those two that start a branch's ask for a cage around it."""
    found = {path.relative_to(PACKAGE).as_posix() for path in FILES if _starts(ast.parse(path.read_text()))}
    assert found == STARTS.keys()
    for name in (name for name, whose in STARTS.items() if whose == "a branch's"):
        text = (PACKAGE / name).read_text()
        assert re.findall(r"with caged\(|\brun\((?:made|start)|subprocess", text) == [
            "with caged(",
            "run(made",
        ], name


def _starts(tree: ast.Module) -> bool:
    """By the standard library, or by what is ours for it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(each.name == "subprocess" for each in names):
                return True
            case ast.ImportFrom(module="subprocess"):
                return True
            case ast.ImportFrom(module=str(module), names=names) if module.endswith("children.child"):
                if {each.name for each in names} & {"begin", "run"}:
                    return True
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name.startswith(
                ("exec", "spawn", "posix_spawn", "system", "popen")
            ):
                return True
            case ast.Attribute(attr="create_subprocess_exec" | "create_subprocess_shell"):
                return True
    return False
