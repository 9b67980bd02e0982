"""Deploy steps through the whole of envmgr: when they run, what they get, and what their failures leave."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.commands import rollback, steering
from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.environment import RunKind, Status
from tests.support.engine import MODULE, Engine, code

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository
OUTPUTS = (
    MODULE
    + """
output "port-number" { value = 8080 }
output "token" {
  value     = join("-", ["hush", "hush", "token"])
  sensitive = true
}
"""
)


def yes(_: str, __: Plan | None) -> bool:
    """Confirm."""
    return True


class Shop:
    """A repository whose deploys write what they did to a file."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """Without any step yet."""
        self.engine = engine
        self.file = folder / "deployed"
        self.repository: GitRepository | None = None

    def step(self, name: str, more: str = "", **options: Any) -> dict[str, Any]:
        """A step that notes its name and commit."""
        note = f'echo "{name} $(cat app.txt) $ENVMGR_COMMIT" >> {self.file}'
        return {"name": name, "run": f"{note}\n{more}", **options}

    def start(self, *steps: dict[str, Any], **settings: Any) -> str:
        """Push `env-alice` with version one and bring it up; gives the commit."""
        self.repository = self.engine.repository(deploy=list(steps), **settings)
        return self.push(code({"app.txt": "one"}, OUTPUTS))

    def push(self, files: Mapping[str, str]) -> str:
        """Push to `env-alice` and work; gives the commit."""
        assert self.repository is not None
        commit = self.repository.commit("env-alice", files)
        self.engine.turn()
        return commit

    def done(self) -> list[str]:
        """What the steps noted since the last call of this, without the commits."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()
        self.file.unlink()
        return [line.rpartition(" ")[0] for line in lines]


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Shop:
    """A shop on an engine."""
    return Shop(engine, tmp_path)


def test_code_alone_is_deployed_without_terraform(shop: Shop) -> None:
    """And nothing is deployed twice."""
    engine = shop.engine
    commit = shop.start(shop.step("app"))
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit)
    assert alice.deployment is not None
    assert (alice.deployment.commit, alice.deployment.healthy_commit) == (commit, commit)
    assert shop.done() == ["app one"]
    assert "apply" in engine.calls()

    commit = shop.push({"app.txt": "two"})
    assert shop.done() == ["app two"]
    assert engine.calls() == []
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit)
    assert [run.kind for run in engine.runs()] == [RunKind.APPLY, RunKind.DEPLOY, RunKind.DEPLOY]
    assert [e for e in engine.actions("alice") if e in ("applied", "deployed")] == ["applied", "deployed"] * 2

    engine.turn(3)
    assert (shop.done(), engine.calls()) == ([], [])


def test_what_a_step_is_given(shop: Shop, tmp_path: Path) -> None:
    """Names, outputs one by one and as a file, a cache that stays, its own home, and no secret in the log."""
    told = tmp_path / "told"
    shop.engine.settings["environment_variables"] = {"GREETING": "hello"}
    show = (
        f'env > {told}; cp "$ENVMGR_OUTPUTS" {told}.json; stat -c %a "$ENVMGR_OUTPUTS" >> {told}.mode\n'
        'echo "token $ENVMGR_OUTPUT_TOKEN"; echo kept >> "$XDG_CACHE_HOME/cache"; echo here > "$HOME/home"'
    )
    commit = shop.start(shop.step("app", show))
    given = dict(line.partition("=")[::2] for line in told.read_text().splitlines())
    wanted = {
        "GREETING": "hello",
        "ENVMGR_ORGANIZATION": "acme",
        "ENVMGR_REPOSITORY": "shop",
        "ENVMGR_BRANCH": "env-alice",
        "ENVMGR_ENVIRONMENT": "alice",
        "ENVMGR_COMMIT": commit,
        "ENVMGR_OUTPUT_URL": "http://alice.example.com",
        "ENVMGR_OUTPUT_PORT_NUMBER": "8080",
        "ENVMGR_OUTPUT_TOKEN": "hush-hush-token",
    }
    assert {name: given.get(name) for name in wanted} == wanted
    document = json.loads(Path(f"{told}.json").read_text())
    assert document == {
        "url": "http://alice.example.com",
        "port-number": 8080,
        "token": "hush-hush-token",
    }
    assert Path(f"{told}.mode").read_text() == "600\n"
    data = shop.engine.data
    assert not [f for f in data.rglob("*") if f.is_file() and b"hush-hush" in f.read_bytes()]
    [cache] = [p for p in data.rglob("cache") if p.is_file()]
    shop.push({"app.txt": "two"})
    assert cache.read_text() == "kept\n" * 2


def test_an_earlier_commit_is_deployed_by_a_rollback(shop: Shop) -> None:
    """Code and infrastructure, and the newer one again after `resume`."""
    engine = shop.engine
    first = shop.start(shop.step("app"))
    shop.push({"app.txt": "two"})
    shop.done()
    rollback.roll_back(engine.application, engine.environment("alice"), "previous", yes)
    assert shop.done() == ["app one"]
    assert engine.environment("alice").applied.commit == first
    engine.turn()
    assert shop.done() == []
    steering.resume(engine.application, engine.environment("alice"))
    engine.turn()
    assert shop.done() == ["app two"]
