"""`variables:` with a name that no variable of the code takes: said, since Terraform is silent about it."""

import json

import pytest

from envmgr.cli.program import main
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code

WARNING = "Warning: the code has no variable `sise`, which .envmgr.yaml sets; did you mean `size`?"


def test_a_misspelt_variable_is_in_show_and_plan(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it is mended; what the organization file gives to all of its repositories is no mistake."""
    repository = engine.repository(variables={"location": "westeurope"})
    branch_file = {".envmgr.yaml": "variables: {sise: large}"}
    repository.commit("env-alice", code(branch_file))
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    assert engine.environment("alice").warnings == (WARNING,)
    repository.commit("env-alice", {"web.txt": "other"})
    engine.turn()
    assert engine.environment("alice").warnings == (WARNING,)

    engine.close()
    capsys.readouterr()
    place = ["--config", str(engine.config), "--data-dir", str(engine.data)]
    assert main(["show", "alice", *place]) == 0
    assert f"warnings     {WARNING}" in capsys.readouterr().out
    assert main(["plan", "alice", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == [WARNING]

    repository.commit("env-alice", {".envmgr.yaml": "variables: {size: large}"})
    engine.turn()
    assert engine.environment("alice").said == ""


def test_applications_take_each_what_is_theirs(engine: Engine) -> None:
    """A branch's variables go to all of them: only what looks misspelt is said."""
    applications = [{"name": n, "terraform": {"directory": f"terraform-{n}"}} for n in ("api", "web")]
    repository = engine.repository(applications=applications)
    variables = 'variable "{}" {{ default = "x" }}'
    files = {
        "terraform-api/main.tf": variables.format("message"),
        "terraform-web/main.tf": variables.format("colour"),
        ".envmgr.yaml": "variables: {mesage: hello, colour: red}",
    }
    repository.commit("env-alice", files)
    engine.turn()
    found = {
        e.id.application: [u.name for u in e.claim.untaken] if e.claim else None
        for e in engine.application.services.store.environments()
    }
    assert found == {"api": ["mesage"], "web": []}
