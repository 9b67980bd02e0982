"""Where the package that evaluates policies is not to be had, the program `opa` is asked, by a stand-in that records how."""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.policy import rego
from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.domain.errors import NeedsOperator
from envmgr.ports.policy import Findings

_DOCUMENT = {"envmgr": {"branch": "main"}, "secret": "x"}
_RULE = 'deny contains "no" if input.envmgr.branch == "main"\n'


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy, on a machine without the package."""
    monkeypatch.setattr(rego, "_has_engine", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "main.rego").write_text(f"package envmgr\n{_RULE}")
    (folder / "main_test.rego").write_text("package envmgr\n")
    return folder


@pytest.fixture
def opa(tmp_path: Path, policy: Path) -> Callable[[str], Callable[[], Any]]:
    """Puts a stand-in there that prints an answer; how it was called is read afterwards."""

    def stands_in(body: str) -> Callable[[], Any]:
        record, program = tmp_path / "record", tmp_path / "opa"
        program.write_text(
            f"#!{sys.executable} -I\nimport json, os, sys\n"
            "texts = [open(word).read() for word in sys.argv if word.endswith('.rego')]\n"
            "said = {'words': sys.argv[1:], 'texts': texts, 'input': json.load(sys.stdin), 'env': dict(os.environ)}\n"
            f"open({str(record)!r}, 'w').write(json.dumps(said))\n{body}\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return lambda: json.loads(record.read_text())

    return stands_in


def _answer(deny: object, warn: object) -> str:
    value = {"result": [{"expressions": [{"value": {"deny": deny, "warn": warn}}]}]}
    return f"print({json.dumps(value)!r})"


def test_it_is_asked_with_the_texts_that_were_read_and_what_they_read(
    policy: Path, opa: Callable[[str], Callable[[], Any]]
) -> None:
    told = opa(_answer([["no", {"msg": "never"}]], []))
    assert RegoPolicies().evaluate(policy, _DOCUMENT) == Findings(deny=("never", "no"))
    found = told()
    words = found["words"]
    assert words[:5] == ["eval", "--format", "json", "--strict-builtin-errors", "--stdin-input"]
    assert words[5] == "--data"
    assert (len(words), found["texts"]) == (8, [f"package envmgr\n{_RULE}"])
    assert "data.envmgr.deny" in words[7]
    assert found["input"] == {"envmgr": {"branch": "main"}}
    assert set(found["env"]) <= {"GOMEMLIMIT", "LC_CTYPE"}
    assert not Path(words[6]).exists()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('print(\'{"errors": [{"message": "undefined function f"}]}\'); sys.exit(2)', "undefined function f"),
        ("sys.exit(2)", "came to no end"),
        ("print('{}')", "came to no end"),
        (_answer("no", []).replace('"warn"', '"other"'), "came to no end"),
        ("import time; time.sleep(30)", "longer than 1 s"),
        ("held = bytearray(3 << 30)", "came to no end"),
    ],
)
def test_what_is_not_sure_is_an_error(
    policy: Path, opa: Callable[[str], Callable[[], Any]], body: str, sentence: str
) -> None:
    opa(body)
    with pytest.raises(NeedsOperator, match=sentence):
        RegoPolicies(seconds=1 if "sleep" in body else 20).evaluate(policy, _DOCUMENT)


def test_what_reaches_beyond_the_input_is_refused(
    policy: Path, opa: Callable[[str], Callable[[], Any]]
) -> None:
    opa(_answer([], []))
    (policy / "more.rego").write_text("package envmgr\nwarn contains x if x := http.send({})\n")
    with pytest.raises(NeedsOperator, match=r"more\.rego:2: there is no function `http\.send`"):
        RegoPolicies().evaluate(policy, _DOCUMENT)


def test_where_nothing_evaluates_it_is_said_what_to_install(policy: Path) -> None:
    with pytest.raises(NeedsOperator, match=r"nothing is applied: .*install the program `opa`"):
        RegoPolicies().evaluate(policy, _DOCUMENT)
