"""YAML as values: types by YAML 1.2's core schema, lines, and bounded reading of anything."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.yaml_tree import dotted, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("null", None),
        ("'null'", "null"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("2026-11-20", "2026-11-20"),
        ("<<", "<<"),
        ("30s", "30s"),
        ('"5"', "5"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    tree = read_yaml(f"key: {text}")
    assert tree.problems == []
    assert tree.value == {"key": value}
    assert type(tree.value["key"]) is type(value)


@pytest.mark.parametrize(
    "number", [".inf", "-.INF", ".nan", "1e999", "9" * 5000, "0x" + "f" * 5000, "9" * 200]
)
def test_numbers_that_terraform_has_not(number: str) -> None:
    [problem] = read_yaml(f"a: 1\nkey: {number}").problems
    assert (problem.line, problem.path) == (2, ("key",))
    assert "write it in quotes" in problem.sentence


def test_every_key_and_item_has_its_line() -> None:
    tree = read_yaml("a: 1\nb:\n  - x\n  -\n    c: {d: 2}\n")
    assert tree.value == {"a": 1, "b": ["x", {"c": {"d": 2}}]}
    lines = {dotted(path): line for path, line in tree.lines.items()}
    assert lines == {"a": 1, "b": 2, "b[0]": 3, "b[1]": 5, "b[1].c": 5, "b[1].c.d": 5}
    assert tree.line(("b", 1, "c", "not there")) == 5


def test_all_duplicates_are_told_and_the_first_is_kept() -> None:
    tree = read_yaml("a: {x: 1}\na:\n  x: 2\n  x: 3\nb: 1\nb: 2\n")
    assert tree.value == {"a": {"x": 1}, "b": 1}
    assert sorted(f"{problem.line} {dotted(problem.path)}" for problem in tree.problems) == [
        "2 a",
        "4 a.x",
        "6 b",
    ]
    assert tree.line(("a", "x")) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n b: 2", 2),
        ("a: 'x\n", 2),
        ("\ta: 1", 1),
        ("a: 1\nb: \x01", 2),
        ("a: 1\n---\nb: 2", 2),
        ("%YAML 1.1\n---\na: no", 2),
        ("a: *gone", 1),
        ("a: 1\nb: !!python/name:os.system x", 2),
        ("a: 1\nb: !!str 5", 2),
        ("{[a]: b}", 1),
        ("[" * 40 + "]" * 40, 1),
    ],
)
def test_what_is_no_plain_yaml_is_told_with_its_line(text: str, line: int) -> None:
    [problem] = read_yaml(text).problems
    assert problem.line == line
    assert problem.sentence


def test_trusted_text_may_share_values_by_aliases() -> None:
    tree = read_yaml("a: &shared {x: 1}\nb: *shared\n")
    assert tree.value == {"a": {"x": 1}, "b": {"x": 1}}
    assert tree.line(("b", "x")) == 2


@pytest.mark.parametrize("text", ["a: &x 1\n", "a: *x\n", "&x a: 1\n", "a: &x {}\nb: *x"])
def test_untrusted_text_may_not(text: str) -> None:
    tree = read_yaml(text, trusted=False)
    assert tree.value is None
    assert "anchors" in tree.problems[0].sentence


def test_an_alias_of_what_holds_it_ends() -> None:
    assert "no anchor" in read_yaml("a: &x [*x]").problems[0].sentence


@given(
    st.text(alphabet=st.sampled_from("ab:-? #&*!|>'\"%@`{}[],\n\t\\<=~.01e\x00é\U0001f600")), st.booleans()
)
def test_anything_gives_a_value_or_problems(text: str, trusted: bool) -> None:
    tree = read_yaml(text, trusted=trusted)
    for problem in tree.problems:
        assert 1 <= problem.line <= text.count("\n") + text.count("\x85") + 2
        assert str(problem).isprintable()


@pytest.mark.parametrize(
    "piece",
    ["[", "{", "? ", "- ", "a: ", "[a,", "&a ", "!", "a:\n", "|\n a\n", "[?", "''", "\\n", "#", "*a "],
)
@pytest.mark.slow
def test_64_kib_of_anything_are_read_in_seconds(piece: str) -> None:
    started = time.process_time()
    read_yaml(piece * (65536 // len(piece)), trusted=False)
    assert time.process_time() - started < 10
