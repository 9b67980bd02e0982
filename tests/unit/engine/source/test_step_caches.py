"""What steps keep between two runs is taken away in two steps, between which a process may die."""

from pathlib import Path

from envmgr.engine.source import step_caches
from tests.support.in_memory.world import World


def test_what_a_process_was_removing_as_it_died_keeps_no_cache(tmp_path: Path) -> None:
    """Nor any other: the name under which it goes is taken, in whatever order a folder tells of the two."""
    services = World(tmp_path).daemon.application.services
    folder = services.layout.step_caches / "acme/shop"
    for number in range(8):
        names = [f"gone-{number}", f".removed-gone-{number}"]
        for name in names if number % 2 else reversed(names):
            (folder / name).mkdir(parents=True)
            (folder / name / "file").write_text("x")
    step_caches.prune(services, [])
    assert list(folder.iterdir()) == []
