"""Sentences are for people, never data: nothing compares or parses a message, or an error's words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "envmgr"
PARSES = {
    *("split", "rsplit", "partition", "rpartition", "startswith", "endswith", "removeprefix", "removesuffix"),
    *("find", "rfind", "index", "rindex", "count", "search", "match", "fullmatch", "findall", "finditer"),
}
"""Methods that take a text apart, of the text itself or of an expression. Lines may be laid out."""

AT_THE_EDGE = {
    "adapters/package/deployment_site.py": "Azure's client has no class of its own for a certificate",
    "adapters/store/migrations/versions/r0009_findings.py": "what the release before kept in sentences, read once",
    "host/credentials/azure.py": "nor has its sign-in, which tells a code and a status in words alone",
}
"""Where another program's words come in, and become a typed error."""

SHOWN = {
    "domain/values/health.py": "whether an answer is worded as the one before, which only the shown text follows",
    "web/api/events.py": "whether what somebody searches for occurs in it",
    "web/server.py": "whether a failure was logged already",
}
"""Where a sentence is compared only with the one that is to take its place."""


def offences(source: str) -> Iterator[int]:
    """The lines in which a message, or `str()` of a caught error, is compared or taken apart."""
    module = ast.parse(source)
    errors = {n.name for n in ast.walk(module) if isinstance(n, ast.ExceptHandler) and n.name} | {"error"}
    scopes = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for scope in [*scopes, module]:
        inside = list(_within(scope))
        names = {
            target.id
            for node in inside
            if isinstance(node, ast.Assign) and _is_prose(node.value, errors, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in inside:
            parts: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                parts = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                parts = [node.func.value, *node.args] if node.func.attr in PARSES else []
            if any(_is_prose(part, errors, names) for part in parts):
                yield getattr(node, "lineno", 0)


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """All of a scope but for what is in functions within it, in no order."""
    left = [scope]
    while left:
        for child in ast.iter_child_nodes(left.pop()):
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child
                left.append(child)


def _is_prose(node: ast.expr, errors: set[str], names: set[str]) -> bool:
    """Whether a sentence comes out of an expression, whole or as a part of a tuple."""
    parts: list[ast.expr] = []
    match node:
        case ast.Attribute(attr="message"):
            return True
        case ast.Name(id=name) | ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]):
            return name in (names if isinstance(node, ast.Name) else errors)
        case ast.Call(func=ast.Attribute(attr="lower" | "strip" | "casefold", value=text)):
            parts = [text]
        case ast.Tuple(elts=found) | ast.List(elts=found) | ast.BoolOp(values=found):
            parts = found
        case ast.IfExp(body=body, orelse=other):
            parts = [body, other]
        case ast.Subscript(value=whole):
            parts = [whole]
    return any(_is_prose(part, errors, names) for part in parts)


def test_no_sentence_is_data() -> None:
    """What a decision or a finding depends on is a typed reason."""
    found = {
        str(path.relative_to(PACKAGE)): line
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in offences(path.read_text(encoding="utf-8"))
    }
    assert sorted(found) == sorted({**AT_THE_EDGE, **SHOWN}), found


@pytest.mark.parametrize(
    "source",
    [
        "a.message == b",
        "event.message.startswith('acme:')",
        "key = event.message.partition(': ')[0]",
        "'x' in environment.message",
        "(e.status, e.message) == shown",
        "said = (e.status, e.message)\nshown = said == other",
        "re.search('x', run.message)",
        "PATTERN.search(str(error))",
        "try:\n    pass\nexcept ValueError as why:\n    text = str(why)\n    'x' in text",
        "def f():\n    text = error.strerror or str(error)\n    return text.lower().startswith('the ')",
        "last[0].message != message",
    ],
)
def test_a_sentence_that_is_compared_or_parsed_is_found(source: str) -> None:
    """Also by way of a name, or within a tuple."""
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        "emit(e.message)",
        "said = f'{e.message}.' if e.message else ''",
        "lines = found.message.splitlines()",
        "log.warning(str(error))",
        "error.code == 404",
        "def f():\n    text = str(error)\n    return text\n\ndef g(text):\n    return text == 'x'",
    ],
)
def test_a_sentence_that_is_shown_is_not(source: str) -> None:
    """Nor what has its name elsewhere."""
    assert not list(offences(source))
