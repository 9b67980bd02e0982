"""Environments whose repository or organization is in the configuration no more: they say so, and can be ended."""

import json
from pathlib import Path

import pytest

from envmgr.cli.program import main
from tests.support.engine import Engine, push


def test_of_an_organization_that_is_gone_the_sentence_says_what_must_come_back(
    engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.close()
    acme = engine.config.read_text()
    engine.config.rename(tmp_path / "away.yaml")
    other = acme.replace("organization: acme", "organization: other").replace("name: shop", "name: shoe")
    engine.config.write_text(other)

    def envmgr(*arguments: str) -> tuple[int, str]:
        code = main([*arguments, "--config", str(engine.config), "--data-dir", str(engine.data)])
        captured = capfd.readouterr()
        return code, captured.out or captured.err

    capfd.readouterr()
    envmgr("reconcile")
    _, listed = envmgr("list", "--json")
    [alice] = [e for e in json.loads(listed) if e["organization"] == "acme"]
    assert alice["status"] == "waiting"
    assert "Organization acme is not in the configuration" in alice["message"]
    assert "`organization`, `backend` and `environment_variables`" in alice["message"]
    code, audited = envmgr("audit", "--json")
    assert "repository-not-configured" in audited
    assert code == 2
    _, said = envmgr("destroy", "acme/shop/alice", "--yes")
    assert "Organization acme is not in the configuration" in said

    bare = {"organization": "acme", "repositories": []}
    (engine.folder / "acme-again.yaml").write_text(json.dumps({**engine.settings, **bare}))
    engine.config = engine.folder / "acme-again.yaml"
    code, said = envmgr("destroy", "acme/shop/alice", "--yes")
    assert "acme/shop/alice is destroyed" in said
    assert not engine.state("alice").exists()
