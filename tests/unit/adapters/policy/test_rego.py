"""Rego: what is not sure to have been evaluated is an error, never a plan without findings."""

from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.domain.errors import NeedsOperator
from envmgr.ports.policy import Findings

_HEAD = "package envmgr\n"


@pytest.fixture
def evaluate(tmp_path: Path) -> Any:
    """Evaluates the text of a policy with an input."""

    def evaluated(text: str, document: dict[str, Any] | None = None, **more: str) -> Findings:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        for name, content in {"policy": text, **more}.items():
            (folder / f"{name}.rego").write_text(content)
        return RegoPolicies().evaluate(folder, document or {"a": 1, "list": [1, 2], "text": 'a"b\nü'})

    return evaluated


@pytest.mark.parametrize(
    ("rules", "denied"),
    [
        ('deny contains "no" if input.a == 1', ("no",)),
        ('deny contains "no" if input.a == 2', ()),
        ('deny contains {"msg": "no"} if input.a == 1', ("no",)),
        ('import rego.v1\n\ndeny contains "no" if { input.a == 1 }', ("no",)),
        ('deny[sentence] { sentence := "no" }', ("no",)),
        ("deny if input.a == 1", ("A policy denies it without a reason.",)),
        ('deny := "no"', ("no",)),
        ('deny contains "b" if true\ndeny contains "a" if true', ("a", "b")),
        ('deny contains "line\\nbreak" if true', ("line break",)),
        ('deny contains "n" if { some _, v in input.list; v == 2 }', ("n",)),
        ('deny contains x if { x := sprintf("%d of %s", [input.a, "}])"]) } # ( and "', ("1 of }])",)),
        ('deny contains sprintf("%s of %s", [input.a, concat(", ", ["b"])]) if true', ('1 of "b"',)),
        ('deny contains input.text if input.text == "a\\"b\\nü"', ('a"b ü',)),
        ('deny contains "m" if lib(input.a)\n\nlib(x) if x == 1', ("m",)),
    ],
)
def test_rules_say_what_is_denied(evaluate: Any, rules: str, denied: tuple[str, ...]) -> None:
    assert evaluate(_HEAD + rules) == Findings(deny=denied)


def test_warnings_are_told_apart_and_files_are_one_policy(evaluate: Any) -> None:
    more = 'package envmgr\nimport data.team.limits as limits\nwarn contains "w" if input.a < limits.most\n'
    found = evaluate(
        _HEAD + 'deny contains "d" if limit\nlimit if input.a == 1\n',
        more=more,
        team="package team.limits\nmost := 3\n",
    )
    assert found == Findings(deny=("d",), warn=("w",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with `package envmgr`"),
        ("deny := 1", "does not begin with `package envmgr`"),
        (_HEAD + "allow := true", "no rule `deny` or `warn`"),
        ('package main\ndeny contains "x" if true', "no rule `deny` or `warn`"),
        (_HEAD + "deny contains x if { x := ", "policy.rego:2: `{` is never closed"),
        (_HEAD + 'deny contains x if { x := "a" ) }', "policy.rego:2: `)` closes nothing"),
        (_HEAD + 'deny contains "x', "a text that begins there does not end"),
        (_HEAD + "deny contains 'x' if true", "a text that begins there does not end"),
        (_HEAD + 'deny contain x if { x := "a" }', "`contain` occurs only once"),
        (_HEAD + 'deny contains x if { x := "a", }', "does not parse"),
        (_HEAD + 'deny contains message if { mesage := "a" }', "`message` occurs only once"),
        (_HEAD + 'deny contains "a" if { is_bad }', "`is_bad` occurs only once"),
        (_HEAD + 'deny contains "a" if { not is_bad }', "`is_bad` occurs only once"),
        (_HEAD + 'deny contains "a" if { is_bad(input.a) }', "there is no function `is_bad`"),
        (_HEAD + 'deny contains "a" if { input.b; net.cidr_contains("10.0.0.0/8", "1.1.1.1") }', "policy.rego:2: there is no function `net.cidr_contains`"),
        (_HEAD + 'deny contains "a" if { http.send({"url": input.a}) }', "there is no function `http.send`"),
        (_HEAD + 'deny contains "a" if upper(input.a) == "A"', "a rule cannot be evaluated"),
        (_HEAD + 'deny contains "a" if 1 / (input.a - 1) == 1', "a rule cannot be evaluated"),
        (_HEAD + "deny := input.a\ndeny := 2", "a rule cannot be evaluated"),
        (_HEAD + 'deny contains "x" if a\na if b\nb if a', "cannot be relied on"),
    ],
)  # fmt: skip
def test_a_policy_that_may_find_nothing_by_mistake_is_an_error(evaluate: Any, text: str, said: str) -> None:
    with pytest.raises(NeedsOperator, match="so nothing is applied") as refused:
        evaluate(text)
    assert said in str(refused.value)


def test_a_policy_that_is_away_or_empty_is_an_error(tmp_path: Path) -> None:
    for policy, said in ((tmp_path / "none", "cannot be read"), (tmp_path, "no file")):
        with pytest.raises(NeedsOperator, match=said):
            RegoPolicies().evaluate(policy, {})


def test_tests_of_policies_are_none(evaluate: Any) -> None:
    assert evaluate(_HEAD + 'deny contains "d" if input.a == 1', policy_test="no rego") == Findings(
        deny=("d",)
    )


def test_an_evaluation_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    policy = tmp_path / "slow.rego"
    policy.write_text(
        _HEAD
        + 'deny contains "x" if { some a in numbers.range(1, 9000); some b in numbers.range(1, 9000); a * b == -1 }'
    )
    with pytest.raises(NeedsOperator, match="it took longer than"):
        RegoPolicies(seconds=0.3).evaluate(policy, {})


def test_nothing_of_the_process_is_seen(evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVMGR_SECRET", "hunter2")
    # With no environment there is nothing that it could say, which the engine takes for an error.
    with pytest.raises(NeedsOperator) as refused:
        evaluate(_HEAD + "deny contains x if { x := opa.runtime() }")
    assert "hunter2" not in str(refused.value)


def test_only_what_is_read_of_the_input_is_handed_over(evaluate: Any) -> None:
    deny = 'deny contains "all" if count(input) == 3\n'
    document = {"a": 1, "b": 2, "list": []}
    assert evaluate(_HEAD + deny, document).deny == ("all",)
    assert evaluate(_HEAD + 'deny contains "b" if input["b"] == 2', document).deny == ("b",)
