"""What is said of an environment by work on it is said under its lease: a host that has lost it says nothing more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import envmgr

ROOT = Path(envmgr.__file__).parent


def records(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that write an event, in functions that are given a job."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and "job" in {each.arg for each in function.args.args}:
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("services.record"):
                    yield call


def test_who_has_a_job_says_what_happened_under_its_lease() -> None:
    """Each event of its own names the lease, so that the database refuses it once another host has that."""
    found = {
        f"{path.relative_to(ROOT)}:{call.lineno}": "lease" in {each.arg for each in call.keywords}
        for folder in ("engine", "commands")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for call in records(ast.parse(path.read_text()))
    }
    assert len(found) > 20
    assert [where for where, is_under_lease in found.items() if not is_under_lease] == []
