"""A `check` block of the code that does not hold makes no apply fail; it is said wherever people look."""

import json
from dataclasses import replace

import pytest

from envmgr.cli.program import main
from envmgr.commands.rollback import look_for_drift
from envmgr.domain.values.environment import RunKind, Status
from tests.support.engine import Engine, code

CHECKED = """
variable "environment" { type = string }
variable "size" { default = "small" }
variable "flag" { default = "/FLAG" }
resource "terraform_data" "app" { input = var.size }
check "size" {
  assert {
    condition     = terraform_data.app.output == "large"
    error_message = "It is ${var.size}."
  }
}
check "there" {
  assert {
    condition     = fileexists(var.flag)
    error_message = "No flag."
  }
}
"""
SIZE = 'check "size" (terraform/main.tf:8): It is small.'


@pytest.fixture
def flag(engine: Engine) -> str:
    """A file that the code's second check looks for."""
    file = engine.folder / "flag"
    file.touch()
    return str(file)


def cli(engine: Engine, *arguments: str) -> int:
    """Runs a verb as a user does."""
    engine.close()
    return main([*arguments, "--config", str(engine.config), "--data-dir", str(engine.data)])


def test_a_check_that_does_not_hold_is_in_list_show_history_and_plan(
    engine: Engine, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stays said after a push that changes no infrastructure, and goes with the one that mends it."""
    repository = engine.repository()
    repository.commit("env-alice", code(module=CHECKED.replace("/FLAG", flag)))
    engine.turn()
    warning = f"Warning: not all checks of the code hold: {SIZE}"

    found = engine.environment("alice")
    assert (found.status, found.said, found.warnings) == (Status.READY, warning, (warning,))
    assert engine.runs(RunKind.APPLY)[-1].message.endswith(warning)
    repository.commit("env-alice", {"web.txt": "other"})
    engine.turn()
    assert engine.environment("alice").said == warning

    engine.close()
    capsys.readouterr()
    assert cli(engine, "show", "alice", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["message"], shown["warnings"]) == (warning, [warning])
    assert cli(engine, "list") == 0
    assert "Warning: not all checks" in capsys.readouterr().out
    assert cli(engine, "plan", "alice") == 0
    assert warning in capsys.readouterr().out
    assert cli(engine, "apply", "alice", "--yes") == 0
    assert warning in capsys.readouterr().out

    repository.commit("env-alice", {".envmgr.yaml": "variables: {size: large}"})
    engine.turn()
    assert (engine.environment("alice").status, engine.environment("alice").said) == (Status.READY, "")


def test_a_check_that_holds_no_longer_is_found_with_drift(engine: Engine, flag: str) -> None:
    """And one that holds again is so at the next look."""
    engine.repository(variables={"size": "large"})
    engine.repositories["shop"].commit("env-alice", code(module=CHECKED.replace("/FLAG", flag)))
    engine.turn()
    assert engine.environment("alice").said == ""

    (engine.folder / "flag").unlink()
    look_for_drift(engine.application, engine.environment("alice"))
    found = engine.environment("alice")
    assert found.warnings == (
        'Warning: not all checks of the code hold: check "there" (terraform/main.tf:14): No flag.',
    )
    assert found.drift is not None
    assert found.drift.status == "none"

    (engine.folder / "flag").touch()
    look_for_drift(engine.application, engine.environment("alice"))
    assert engine.environment("alice").said == ""
    assert engine.actions("alice").count("checks") == 2
    failed = replace(found, status=Status.FAILED, message="It failed.")
    assert failed.said == "It failed."
