"""Versions that were fetched go once nothing needs them; what an environment was applied with is kept for its destroy."""

import os
from pathlib import Path

from envmgr.adapters.releases.kept import KeptReleases
from envmgr.adapters.releases.source import FolderSource
from envmgr.daemon import housekeeping
from envmgr.domain.values.environment import Status
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.terraform import VERSION
from tests.support.release_server import ReleaseFiles


def test_housekeeping_keeps_what_a_destroy_needs(engine: MemoryEngine, tmp_path: Path) -> None:
    """However long ago it was asked for, also of an environment that failed since; and no longer than that."""
    published = ReleaseFiles()
    for version in (VERSION, "1.99.0"):
        published.release(version)
    source = FolderSource("terraform", published.write(tmp_path / "offline"))
    kept = KeptReleases("terraform", tmp_path / "versions", source, [published.public_key(tmp_path / "key")])

    def tidied() -> list[str]:
        for version in (VERSION, "1.99.0"):
            os.utime(Path(kept.install(version)).parent, (1, 1))
        acme = engine.application.services.organizations["acme"]
        acme.releases = kept
        housekeeping.tidy(engine.application.services)
        acme.releases = None
        return [each.version for each in kept.kept()]

    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    assert tidied() == [VERSION]
    engine.terraform.fails["plan"] = "no luck"
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    assert engine.environment("alice").status is Status.FAILED
    assert tidied() == [VERSION]
    engine.terraform.fails.clear()
    engine.turn(3, minutes=60)
    assert engine.environment("alice").status is Status.DESTROYED
    assert tidied() == []
