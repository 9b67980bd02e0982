"""Where the answer is no already, nobody is asked: on the host and from another machine alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from envmgr.domain.values.environment import Applied, Status
from envmgr.domain.values.schedule import Span, Windows
from tests.support.command_line import Done
from tests.support.elsewhere import Elsewhere, serving
from tests.support.in_memory.rules import Rules

from .test_remote_changing import frozen, here, pushed, there

EVENING = Rules(windows=Windows(deny=(Span("0 18 * * *", timedelta(hours=2)),)))


def closed(elsewhere: Elsewhere) -> None:
    """It is evening."""
    elsewhere.world.forward(hours=6, minutes=30)


def nothing_applied(elsewhere: Elsewhere) -> None:
    """All is frozen, and of alice there is only a record."""
    frozen(elsewhere)
    store: Any = elsewhere.world.store
    store._put(replace(elsewhere.world.environment("alice"), claim=None, applied=Applied()))


CASES = [
    ("apply alice", closed, "No window for changes is open until 2026-11-20 20:00 UTC"),
    ("destroy alice", closed, "No window for changes is open until 2026-11-20 20:00 UTC"),
    ("rollback alice --to COMMIT", closed, "No window for changes is open until 2026-11-20 20:00 UTC"),
    ("destroy alice", frozen, "migration"),
    ("destroy alice --override-window", frozen, "--override-freeze destroys all the same"),
    ("destroy alice", nothing_applied, "migration"),
]


@pytest.fixture(autouse=True)
def _at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for verb in ("apply", "destroy", "rollback"):
        monkeypatch.setattr(f"envmgr.cli.verbs.change.{verb}.require_consent", lambda *_: None)


@pytest.mark.parametrize("do", [here, there])
@pytest.mark.parametrize(("words", "before", "said"), CASES)
def test_what_would_be_refused_is_not_asked_about(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    do: Callable[..., Done],
    words: str,
    before: Callable[[Elsewhere], None],
    said: str,
) -> None:
    """The sentence comes in place of the question."""
    monkeypatch.setattr("envmgr.cli.consent.ask", lambda _: pytest.fail("asked"))
    with serving(tmp_path, EVENING) as elsewhere:
        if "apply" in words:
            pushed(elsewhere)
        before(elsewhere)
        done = do(elsewhere, *words.replace("COMMIT", elsewhere.world.environment("alice").commit).split())
        assert done.code == 1
        assert said in done.err.splitlines()[-1]
        assert elsewhere.world.status("alice") is not Status.SUSPENDED


@pytest.mark.parametrize("do", [here, there])
@pytest.mark.parametrize(
    ("words", "before"),
    [
        ("apply alice --override-window", closed),
        ("destroy alice --override-window", closed),
        ("destroy alice --override-freeze", frozen),
    ],
)
def test_who_overrides_it_is_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    do: Callable[..., Done],
    words: str,
    before: Callable[[Elsewhere], None],
) -> None:
    """And a no is a no."""
    asked = list[str]()

    def ask(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("envmgr.cli.consent.ask", ask)
    with serving(tmp_path, EVENING) as elsewhere:
        pushed(elsewhere)
        before(elsewhere)
        done = do(elsewhere, *words.split())
        assert (done.code, len(asked)) == (1, 1), done
        assert elsewhere.world.status("alice") is not Status.SUSPENDED


def test_a_plan_says_that_it_could_not_be_done_now(tmp_path: Path) -> None:
    """Of an end as of an apply, from anywhere."""
    with serving(tmp_path, EVENING) as elsewhere:
        closed(elsewhere)
        for words in ("plan alice", "plan alice --destroy"):
            for do in (here, there):
                assert "No window for changes is open" in do(elsewhere, *words.split()).out
