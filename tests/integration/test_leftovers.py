"""Invariant 20, part: nothing that a branch's code leaves behind blocks the next run or the destroy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from envmgr.domain.values.environment import Status
from envmgr.host.leftovers import ASIDE, clear
from tests.support.engine import MODULE, Engine, code
from tests.support.privileges import as_ordinary_user

CACHE = "mkdir -p mod/a && touch mod/a/f && chmod -R a-w mod && chmod a-w ."  # as Go's module cache
# Longer than a path may be; not so deep that pytest, after a run that was killed in this test, could not remove it.
DEEP = 'python3 -c \'import os\nfor _ in range(450): os.mkdir("d" * 10); os.chdir("d" * 10)\''
STEPS = {
    "a read-only checkout": CACHE,
    "closed folders around it": 'chmod 0 "$TMPDIR" "$HOME" ..',
    "a link where the temporary folder goes": f'{CACHE}; rm -r "$TMPDIR"; ln -s "$PRECIOUS" "$TMPDIR"',
    "a file where the home goes": 'rm -rf "$HOME"; touch "$HOME"',
    "a link where all of it goes": 'cd ../..; mv steps gone; ln -s "$PRECIOUS" steps',
    "a folder where a file goes": "rm ../outputs.json; mkdir -p ../outputs.json/in ../health.log; chmod a-w ../outputs.json",
    "a deep nesting": DEEP,
    "a broken working folder of Terraform": "cd ../../terraform; mkdir -p envmgr-output/in modules/a; chmod -R a-w .",
}
if os.geteuid() == 0:
    STEPS["another user's full folders"] = (
        "mkdir -p theirs ../theirs && touch theirs/f ../theirs/f && chown -R 65534 theirs ../theirs && chmod 1777 ."
    )


@pytest.fixture(autouse=True)
def ordinary(tmp_path: Path) -> Iterator[None]:
    """Permissions hold for envmgr, whoever runs the tests; what a step does, it does with all of them."""
    with as_ordinary_user():
        yield
    for left in tmp_path.iterdir():  # pytest itself could not remove all of it
        assert clear(left) is None


def test_a_life_among_leftovers(engine: Engine, tmp_path: Path) -> None:
    """Each push leaves something else; the next one, of code or infrastructure, goes on, and so does the destroy."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "checkout").write_text("own")
    step = {"name": "app", "run": ". ./leave"}
    repository = engine.repository(deploy=[step], on_destroy=[step])
    for number, leave in enumerate(STEPS.values()):
        text = f"PRECIOUS={precious}\n{leave}\n"
        module = MODULE.replace("small", f"s{number // 2}")
        repository.commit("env-alice", code({"leave": text}, module))
        assert engine.turn() == []
        alice = engine.environment("alice")
        assert (alice.status, alice.message) == (Status.READY, ""), leave
    repository.delete("env-alice")
    engine.turn(3, minutes=5)
    assert engine.statuses() == {"alice": "destroyed"}
    assert [path.name for path in precious.iterdir()] == ["checkout"]
    left = list((engine.data / "workspaces/acme/shop").iterdir())
    if os.geteuid() != 0:
        assert left == []
        return
    assert all(path.name.startswith(ASIDE) for path in left)
    assert engine.actions("alice").count("put-aside") == 2  # what blocked the next checkout, and at its end
    owned = {path.parent.stat().st_uid for path in left[0].rglob("f")}
    assert owned == {65534}  # nothing but what is another's stayed


def test_a_destroy_after_the_worst(engine: Engine) -> None:
    """What it runs before it may leave things too, and fail; a branch of that name lives again afterwards."""
    repository = engine.repository(
        deploy=[{"name": "app", "run": f"{CACHE}; chmod -R 0 .."}],
        on_destroy=[{"name": "end", "run": f'{CACHE}; rm -r "$TMPDIR"; ln -s / "$TMPDIR"'}],
    )
    for _ in range(2):
        repository.commit("env-alice", code())
        engine.turn()
        assert engine.statuses() == {"alice": "ready"}
        repository.delete("env-alice")
        engine.turn(3, minutes=5)
        assert engine.statuses() == {"alice": "destroyed"}
        assert list((engine.data / "workspaces/acme/shop").iterdir()) == []
