"""A commit is built once, before it is planned, and all its environments get the same."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.commands import operations
from envmgr.domain.errors import RetryLater
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.ports import Place
from tests.support.engine import MODULE, code
from tests.support.in_memory.engine import MemoryEngine

if TYPE_CHECKING:
    from tests.support.in_memory.git import MemoryRepository

WITH_IMAGE = MODULE.replace("${var.size}", "${var.size} ${var.image}") + 'variable "image" {}\n'


class Shop:
    """A repository whose build notes where it ran, and gives an image of the number of that."""

    def __init__(self, engine: MemoryEngine, folder: Path, **settings: Any) -> None:
        """Without a branch yet."""
        self.engine, self.notes = engine, folder / "built"
        run = f'echo "$ENVMGR_COMMIT $ENVMGR_ENVIRONMENT" >> {self.notes}; cp {self.notes} made.txt; echo "image=shop@sha256:$(cat app.txt)" >> $ENVMGR_VARIABLES'
        build = [{"name": "image", "run": run}]
        self.repository: MemoryRepository = engine.repository(**{"build": build, **settings})

    def push(self, branch: str, text: str = "one") -> str:
        """Push; gives the commit."""
        return self.repository.commit(branch, code({"app.txt": text}, WITH_IMAGE))

    @property
    def built(self) -> list[str]:
        """The commit and the environment of each build."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def given(self, name: str) -> object:
        """The image that an environment was applied with."""
        claim = self.engine.environment(name).claim
        return claim and claim.variables.get("image")


@pytest.fixture
def shop(engine: MemoryEngine, tmp_path: Path) -> Shop:
    """Without a branch yet."""
    return Shop(engine, tmp_path)


def test_what_is_built_is_an_input_variable_of_the_plan(engine: MemoryEngine, shop: Shop) -> None:
    """In a run of its own before the apply; a commit that builds the same changes no infrastructure."""
    commit = shop.push("env-alice")
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    assert shop.given("alice") == "shop@sha256:one"
    kinds = [(run.kind, run.status, run.message) for run in engine.runs()]
    assert kinds[0] == (
        RunKind.BUILD,
        RunStatus.SUCCEEDED,
        f"Built {commit[:10]}: image = shop@sha256:one.",
    )
    assert [kind for kind, *_ in kinds] == [RunKind.BUILD, RunKind.APPLY]
    engine.calls()
    shop.repository.commit("env-alice", {"notes.txt": "more"})
    engine.turn()
    assert "apply" not in engine.calls()
    assert len(shop.built) == 2
    shop.push("env-alice", "two")
    engine.turn()
    assert shop.given("alice") == "shop@sha256:two"


def test_a_commit_is_built_once_for_all_environments(engine: MemoryEngine, shop: Shop) -> None:
    """A promotion of it starts no build; a build is told of no environment."""
    commit = shop.push("env-staging")
    engine.turn()
    shop.repository.point(["env-production", "env-demo"], commit)
    engine.turn()
    assert [shop.given(name) for name in ("staging", "production", "demo")] == ["shop@sha256:one"] * 3
    assert shop.built == [f"{commit} "]
    assert len(engine.runs(RunKind.BUILD)) == 1


def test_what_is_always_built_knows_where(engine: MemoryEngine, tmp_path: Path) -> None:
    """Each time that anything is applied, beside what is built once."""
    both = [
        {"name": "image", "run": f"echo once >> {tmp_path}/once"},
        {
            "name": "where",
            "when": "always",
            "run": f'echo "image=$ENVMGR_ENVIRONMENT" >> $ENVMGR_VARIABLES; echo $ENVMGR_BRANCH >> {tmp_path}/always',
        },
    ]
    shop = Shop(engine, tmp_path, build=both)
    commit = shop.push("env-alice")
    shop.repository.point(["env-bob"], commit)
    engine.turn()
    assert [shop.given(name) for name in ("alice", "bob")] == ["alice", "bob"]
    assert (tmp_path / "once").read_text() == "once\n"
    assert sorted((tmp_path / "always").read_text().split()) == ["env-alice", "env-bob"]


def test_a_build_that_fails_is_a_failure_with_its_last_lines(engine: MemoryEngine, tmp_path: Path) -> None:
    """Nothing is planned; it is tried again, and another commit is built at once."""
    shop = Shop(engine, tmp_path, build=[{"name": "image", "run": "echo no space left; exit 3"}])
    shop.push("env-alice")
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.FAILED, None)
    assert alice.message == "Step image failed (exit 3): no space left."
    assert engine.calls() == []
    engine.repository_settings["shop"]["build"] = [
        {"name": "image", "run": "echo image=x >> $ENVMGR_VARIABLES"}
    ]
    engine.restart()
    engine.turn(hours=2)
    assert shop.given("alice") == "x"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("echo image >> $ENVMGR_VARIABLES", "line 1 is not NAME=VALUE: 'image'. Write a line"),
        ("echo tags=x >> $ENVMGR_VARIABLES", "gives tags, which envmgr sets itself"),
        ("echo image=hush-hush-secret >> $ENVMGR_VARIABLES", "gives image a secret"),
    ],
)
def test_what_cannot_be_used_is_said(engine: MemoryEngine, tmp_path: Path, run: str, said: str) -> None:
    """And not tried again by itself, as the code has to change."""
    (tmp_path / "secret").write_text("hush-hush-secret")
    engine.settings["environment_variables"] = {"TOKEN": {"file": str(tmp_path / "secret")}}
    shop = Shop(engine, tmp_path, build=[{"name": "image", "run": run}])
    shop.push("env-alice")
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.failure.retry_at) == (Status.FAILED, None)
    assert said in alice.message
    assert "hush-hush" not in alice.message


def test_who_needs_what_is_being_built_waits_for_it(engine: MemoryEngine, shop: Shop) -> None:
    """And gets the same, without another build; one that was begun by a dead process is made by who comes next."""
    commit = shop.push("env-staging")
    shop.repository.point(["env-production"], commit)
    engine.poll()
    application = engine.application
    waited: list[str] = []

    def meanwhile(_: Place) -> None:
        engine.steps.at_work = lambda _: None
        with pytest.raises(RetryLater, match="is being built for acme/shop/") as error:
            operations.apply(application, engine.environment("staging"), lambda *_: True)
        waited.append(str(error.value))

    engine.steps.at_work = meanwhile
    operations.apply(application, engine.environment("production"), lambda *_: True)
    assert waited == [
        f"{commit[:10]} is being built for acme/shop/production: acme/shop/staging waits for that, and gets the same."
    ]
    assert engine.environment("staging").status is Status.WAITING
    engine.turn(seconds=10)
    assert shop.given("staging") == shop.given("production") == "shop@sha256:one"
    assert len(shop.built) == 1


def test_a_build_whose_process_died_is_made_by_another(engine: MemoryEngine, shop: Shop) -> None:
    """Of the same environment or of another one."""
    commit = shop.push("env-staging")
    engine.turn()
    builds = engine.store.pipeline.builds
    [done] = builds.kept.values()
    dead = replace(done, built_at=None, variables={}, generation=done.generation + 7)
    builds.kept[done.key] = dead
    shop.repository.point(["env-production"], commit)
    engine.turn()
    assert shop.given("production") == "shop@sha256:one"
    assert len(shop.built) == 2
    [made] = builds.kept.values()
    assert (made.environment.name, made.run) == ("production", engine.runs(RunKind.BUILD)[-1].id)


def test_a_person_has_it_built_anew(engine: MemoryEngine, shop: Shop) -> None:
    """Else an apply by hand takes what there is."""
    shop.push("env-alice")
    engine.turn()
    alice = engine.environment("alice")
    operations.apply(engine.application, alice, lambda *_: True)
    assert len(shop.built) == 1
    operations.apply(engine.application, alice, lambda *_: True, rebuild=True)
    assert len(shop.built) == 2
    operations.plan(engine.application, alice)
    assert len(shop.built) == 2


def test_other_steps_in_the_file_build_anew_by_themselves(engine: MemoryEngine, shop: Shop) -> None:
    """They are inputs, like a variable."""
    shop.push("env-alice")
    engine.turn()
    engine.repository_settings["shop"]["build"] = [
        {"name": "i", "run": "echo image=other >> $ENVMGR_VARIABLES"}
    ]
    engine.restart()
    engine.turn()
    assert shop.given("alice") == "other"
    engine.calls()
    engine.turn()
    assert engine.calls() == []


def test_a_promotion_of_a_built_commit_starts_no_build(engine: MemoryEngine, tmp_path: Path) -> None:
    """Production gets the very image that staging had, tested there; a commit that fails there never comes."""
    environments = [
        {"name": "staging", "branch": "main", "tests": [{"name": "smoke", "run": "! grep -x bad app.txt"}]},
        {"name": "production", "tags": "v*", "after": ["staging"]},
    ]
    shop = Shop(engine, tmp_path, environments=environments)
    commit = shop.push("main")
    shop.repository.tag("v1.0.0", commit)
    engine.turn()
    assert engine.environment("production").applied.commit == commit
    assert shop.given("staging") == shop.given("production") == "shop@sha256:one"
    assert shop.built == [f"{commit} "]
    kinds = [(run.environment.name, run.kind) for run in engine.runs()]
    assert kinds == [
        ("staging", RunKind.BUILD),
        ("staging", RunKind.APPLY),
        ("staging", RunKind.TEST),
        ("production", RunKind.APPLY),
    ]
    bad = shop.push("main", "bad")
    shop.repository.tag("v1.1.0", bad)
    engine.turn(2, minutes=10)
    assert engine.environment("staging").status is Status.FAILED
    assert engine.environment("production").applied.commit == commit
