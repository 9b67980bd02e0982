"""A Terraform, or a step, in which nothing moves does not hold its organization up."""

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.values.environment import Status
from envmgr.host.children.child import Start, Supervision, run
from tests.support.engine import MODULE, Engine, code
from tests.support.waiting import wait_for

SILENCE = 3.0
HANGS = """
resource "terraform_data" "hangs" {
  provisioner "local-exec" { command = "while test -e %s; do sleep 0.5; done" }
}
"""


@pytest.mark.parametrize(
    ("command", "is_quiet"),
    [
        ("sleep 5", True),
        ("sleep 5 & wait", True),
        ("timeout 5 sh -c 'while :; do :; done' || :", False),
        ("(timeout 5 sh -c 'while :; do :; done' &) ; sleep 5", False),
    ],
    ids=["sleeps", "waits for a child", "its child works", "what a child left works"],
)
def test_for_how_long_a_child_was_quiet(tmp_path: Path, command: str, is_quiet: bool) -> None:
    """By what its whole session uses of the processor; it said nothing."""
    quiet: list[timedelta] = []
    with (tmp_path / "output").open("wb") as output:
        start = Start(
            argv=["sh", "-c", command],
            folder=tmp_path,
            environment={"PATH": os.environ["PATH"]},
            output=output.fileno(),
            errors=output.fileno(),
        )
        run(start, supervision(quiet, says=False))
    assert (max(quiet) > timedelta(seconds=4)) is is_quiet


def test_who_says_something_is_not_quiet(tmp_path: Path) -> None:
    """Though it only sleeps."""
    quiet: list[timedelta] = []
    with (tmp_path / "output").open("wb") as output:
        start = Start(
            argv=["sleep", "1"],
            folder=tmp_path,
            environment={"PATH": os.environ["PATH"]},
            output=output.fileno(),
            errors=output.fileno(),
        )
        run(start, supervision(quiet, says=True))
    assert max(quiet) < timedelta(seconds=0.5)


def supervision(quiet: list[timedelta], *, says: bool) -> Supervision:
    """Notes for how long it was quiet."""
    return Supervision(
        timeout=timedelta(minutes=1),
        patience=timedelta(seconds=1),
        started=lambda _: None,
        stop=lambda: False,
        tick=lambda: says,
        quiet=quiet.append,
    )


@pytest.mark.parametrize("what", ["terraform", "step"])
def test_a_hanging_run_gives_its_place_up_and_takes_it_back(engine: Engine, what: str) -> None:
    """Terraform says every ten seconds that it still creates: that is no movement. `show` says since when it is silent."""
    hold = engine.folder / "hold"
    hold.touch()
    engine.settings["limits"] = {"concurrency": 1, "silence": f"{SILENCE:.0f}s"}
    step = {
        "name": "wait",
        "run": f'test "$ENVMGR_ENVIRONMENT" != hangs || while test -e {hold}; do sleep 0.5; done',
    }
    shop = engine.repository(deploy=[step] if what == "step" else [])
    shop.commit("env-hangs", code(module=MODULE + (HANGS % hold if what == "terraform" else "")))
    engine.poll()
    working = threading.Thread(target=engine.work)
    working.start()
    wait_for(lambda: engine.environment("hangs").status is Status.RUNNING)
    shop.commit("env-bob", code(module=MODULE))
    engine.poll()
    [repository] = engine.application.services.repositories.values()
    wait_for(lambda: bool(engine.application.workers.busy))
    engine.application.workers.look(repository)

    wait_for(lambda: engine.environment("bob").status is Status.READY)

    hanging = engine.environment("hangs")
    assert hanging.status is Status.RUNNING
    assert "Silent since 2" in hanging.said, hanging.said
    assert hanging.message.startswith(("First apply of", "Deploys")), hanging.message
    assert engine.actions("hangs").count("silent") == 1
    hold.unlink()
    working.join(60)
    done = engine.environment("hangs")
    assert (done.status, "Silent" in done.said) == (Status.READY, False), done.message
    assert not any("Silent" in run.message for run in engine.runs())
