"""An environment's tests run once it is healthy, and only what passes them is ready and released."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.commands import operations
from envmgr.domain.errors import Interrupted
from envmgr.domain.values.environment import Environment, RunKind, RunStatus, Status
from envmgr.domain.values.pipeline.verdict import Outcome
from envmgr.ports import Place
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine

if TYPE_CHECKING:
    from tests.support.in_memory.git import MemoryRepository


class Shop:
    """A repository whose code is served, and whose tests note that they ran, and fail where it says `bad`."""

    def __init__(self, engine: MemoryEngine, folder: Path, **settings: Any) -> None:
        """Without a branch yet."""
        self.engine, self.served, self.notes = engine, folder / "served", folder / "tested"
        self.outside = folder / "outside"
        self.outside.write_text("well")
        note = f'echo "$ENVMGR_COMMIT $ENVMGR_URL" >> {self.notes}'
        tests = [
            {"name": "smoke", "run": f"{note}; ! grep -x bad {self.served}; ! grep -x bad {self.outside}"},
            {"name": "more", "run": f"cat {self.served}"},
        ]
        deploy = [{"name": "app", "run": f"cp app.txt {self.served}"}]
        self.repository: MemoryRepository = engine.repository(
            **{"deploy": deploy, "tests": tests, **settings}
        )

    def push(self, text: str, **files: str) -> str:
        """Push a version and work; gives the commit."""
        commit = self.repository.commit("env-alice", code({"app.txt": f"{text}\n", **files}))
        self.engine.turn()
        return commit

    @property
    def alice(self) -> Environment:
        """Its environment."""
        return self.engine.environment("alice")

    def stands(self) -> Status:
        """Where that stands."""
        return self.alice.status

    @property
    def tested(self) -> list[str]:
        """The commits of which the tests were run."""
        return [line.split()[0] for line in self.notes.read_text().splitlines()]

    def is_released(self, commit: str) -> bool | None:
        """Whether its tests passed; None where it was not ready at all."""
        found = self.engine.store.pipeline.releases.get(self.alice.id, commit)
        return None if found is None else found.has_passed


@pytest.fixture
def shop(engine: MemoryEngine, tmp_path: Path) -> Shop:
    """Without a branch yet."""
    return Shop(engine, tmp_path)


def test_what_passes_its_tests_is_ready(engine: MemoryEngine, shop: Shop) -> None:
    """In a run of its own after the deploy, with the address at hand; not again while nothing changes."""
    commit = shop.push("one")
    assert (shop.alice.status, shop.alice.message) == (Status.READY, "")
    assert shop.notes.read_text() == f"{commit} http://alice.example.com\n"
    assert [run.kind for run in engine.runs()] == [RunKind.APPLY, RunKind.DEPLOY, RunKind.TEST]
    verdict = shop.alice.tests
    assert verdict is not None
    assert [(each.name, each.outcome) for each in verdict.results] == [
        ("smoke", Outcome.PASSED),
        ("more", Outcome.PASSED),
    ]
    assert verdict.run == engine.runs()[-1].id
    assert engine.runs()[-1].message == "2 tests passed."
    assert shop.is_released(commit)
    engine.turn(3, hours=1)
    assert shop.tested == [commit]
    second = shop.push("two")
    assert shop.tested == [commit, second]


def test_what_fails_them_is_failed_and_runs_on(engine: MemoryEngine, shop: Shop) -> None:
    """With the test's last lines; all others are run too, nothing is tried again by itself, and nothing is released."""
    good, bad = shop.push("one"), shop.push("bad")
    assert shop.stands() is Status.FAILED
    assert shop.alice.message == "1 of 2 tests failed: Test smoke failed (exit 1): bad."
    assert shop.served.read_text() == "bad\n"
    assert engine.runs()[-1].status is RunStatus.FAILED
    assert [shop.is_released(commit) for commit in (good, bad)] == [True, False]
    assert [each.outcome for each in shop.alice.tests.results] == ["failed", "passed"]  # type: ignore[union-attr]
    runs = len(engine.runs())
    engine.turn(3, hours=1)
    assert len(engine.runs()) == runs
    assert shop.stands() is Status.FAILED
    mended = shop.push("two")
    assert shop.stands() is Status.READY
    assert shop.is_released(mended)


def test_on_unhealthy_previous_the_last_one_that_passed_runs_again(
    engine: MemoryEngine, tmp_path: Path
) -> None:
    """What was only healthy is none to go back to."""
    shop = Shop(engine, tmp_path, on_unhealthy="previous", health={"run": "true"})
    good = shop.push("one")
    assert shop.alice.deployment is not None
    assert shop.alice.deployment.healthy_commit == good
    shop.push("bad")
    assert shop.stands() is Status.FAILED
    assert shop.alice.message.endswith(f"The code of {good[:10]} runs again.")
    assert shop.served.read_text() == "one\n"
    again = shop.push("bad", **{"notes.txt": "more"})
    assert shop.served.read_text() == "one\n"
    assert shop.stands() is Status.FAILED
    assert "went-back" in engine.actions("alice")
    assert shop.is_released(again) is False


def test_what_was_cut_off_is_tested_again(engine: MemoryEngine, shop: Shop) -> None:
    """Whoever ended meanwhile; nothing is deployed a second time for it."""

    def stops(place: Place) -> None:
        if "ENVMGR_URL" in place.environment:
            engine.steps.at_work = lambda _: None
            raise Interrupted("stopping")

    engine.steps.at_work = stops
    commit = shop.push("one")
    assert shop.stands() is Status.READY
    tests = [run.status for run in engine.runs(RunKind.TEST)]
    assert tests == [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED]
    assert len(engine.runs(RunKind.DEPLOY)) == 1
    assert shop.is_released(commit)


def test_a_person_and_other_tests_have_it_tested_again(engine: MemoryEngine, shop: Shop) -> None:
    """A person by an apply, which ends with their verdict; the file by other tests in it."""
    commit = shop.push("one")
    operations.apply(engine.application, shop.alice, lambda *_: True)
    assert shop.tested == [commit, commit]
    assert shop.stands() is Status.READY
    shop.outside.write_text("bad")
    assert operations.apply(engine.application, shop.alice, lambda *_: True).status is Status.FAILED
    assert not shop.is_released(commit)
    engine.repository_settings["shop"]["tests"] = [{"name": "other", "run": "true"}]
    engine.restart()
    engine.turn()
    assert shop.stands() is Status.READY
    assert [each.name for each in shop.alice.tests.results] == ["other"]  # type: ignore[union-attr]
    assert shop.is_released(commit)


def test_without_code_to_deploy_it_is_tested_all_the_same(engine: MemoryEngine, tmp_path: Path) -> None:
    """Infrastructure alone; without tests any more it is ready as it is."""
    shop = Shop(engine, tmp_path, deploy=[])
    shop.served.write_text("bad\n")
    commit = shop.push("one")
    assert shop.stands() is Status.FAILED
    assert shop.tested == [commit]
    engine.repository_settings["shop"]["tests"] = []
    engine.restart()
    engine.turn()
    assert shop.stands() is Status.READY
    assert shop.is_released(commit)


def test_applications_wait_for_what_they_need_to_pass_its_tests(engine: MemoryEngine, tmp_path: Path) -> None:
    """An application is tested before those that need it are applied."""
    (tmp_path / "ok").write_text("bad")
    repository = engine.repository(
        applications=[
            {"name": "db", "tests": [{"name": "up", "run": f"! grep -x bad {tmp_path}/ok"}]},
            {"name": "api", "needs": ["db"]},
        ]
    )
    files = {f"{name}/{path}": text for name in ("db", "api") for path, text in code().items()}
    repository.commit("env-alice", files)
    engine.turn()
    assert engine.environment("alice", application="db").status is Status.FAILED
    assert engine.environment("alice", application="api").claim is None
    (tmp_path / "ok").write_text("well")
    repository.commit("env-alice", {"notes.txt": "more"})
    engine.turn()
    assert engine.environment("alice", application="api").status is Status.READY
