"""A newer image of a registry is a change like a push, and a registry that is away is none."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.commands import freezing, steering
from envmgr.commands.freezing import Spot
from envmgr.domain.values.environment import Guard, Status
from envmgr.domain.values.pipeline.image import images_for
from envmgr.ports.registry import Login
from tests.support.engine import MODULE, code
from tests.support.in_memory.engine import MemoryEngine

if TYPE_CHECKING:
    from tests.support.in_memory.git import MemoryRepository

SHOP = "registry.example.com/acme/shop"
ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
WITH_IMAGE = MODULE.replace("${var.size}", "${var.size} ${var.image}") + 'variable "image" {}\n'


class Shop:
    """A repository whose environments follow `1.*` of an image, of which there is 1.9."""

    def __init__(self, engine: MemoryEngine, **settings: Any) -> None:
        """With `env-alice` pushed."""
        self.engine = engine
        engine.registry.images[SHOP] = {"1.9": ONE, "2.0": THREE}
        images = [{"variable": "image", "image": SHOP, "tags": "1.*"}]
        self.repository: MemoryRepository = engine.repository(**{"images": images, **settings})
        self.repository.commit("env-alice", code(module=WITH_IMAGE))

    def given(self) -> object:
        """The image that its environment was applied with."""
        claim = self.engine.environment("alice").claim
        return claim and claim.variables["image"]

    def events(self) -> list[str]:
        """What was told of registries."""
        return [e.message for e in self.engine.store.events() if e.environment is None]


@pytest.fixture
def shop(engine: MemoryEngine) -> Shop:
    """With `env-alice` pushed, and nothing done yet."""
    return Shop(engine)


def test_a_newer_tag_or_another_digest_is_applied(engine: MemoryEngine, shop: Shop) -> None:
    """1.10 is newer than 1.9, and 2.0 does not match; while nothing is new, nothing is done."""
    engine.turn()
    assert shop.given() == f"{SHOP}@{ONE}"
    engine.registry.images[SHOP]["1.10"] = TWO
    engine.turn()
    assert shop.given() == f"{SHOP}@{TWO}"
    engine.registry.images[SHOP]["1.10"] = THREE
    engine.turn()
    assert shop.given() == f"{SHOP}@{THREE}"
    runs = len(engine.runs())
    engine.turn(3, hours=1)
    engine.restart()
    engine.turn()
    assert len(engine.runs()) == runs
    assert shop.events() == [
        f"acme/shop: image is {SHOP}@{digest} now, by its tag {tag}."
        for digest, tag in ((ONE, "1.9"), (TWO, "1.10"), (THREE, "1.10"))
    ]


def test_a_registry_that_is_away_changes_nothing(engine: MemoryEngine, shop: Shop) -> None:
    """That is said once; also a new branch gets what was seen last, after a restart too."""
    engine.turn()
    engine.registry.is_away = True
    engine.turn(3)
    engine.restart()
    shop.repository.point(["env-bob"], shop.repository.commit("env-alice", {"notes.txt": "more"}))
    engine.turn()
    assert shop.given() == engine.environment("bob").claim.variables["image"] == f"{SHOP}@{ONE}"  # type: ignore[union-attr]
    assert engine.environment("bob").status is Status.READY
    engine.registry.is_away = False
    engine.turn()
    assert shop.events()[1:] == [
        f"acme/shop: The registry of {SHOP} did not answer (connection refused).",
        "acme/shop: the registry of image answers again.",
    ]


def test_before_its_first_answer_all_waits_for_it(engine: MemoryEngine, shop: Shop) -> None:
    """With the sentence why; a repository is polled as well all the while."""
    engine.registry.is_away = True
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.WAITING, None)
    assert alice.message.startswith(
        f"It waits for its image {SHOP}:1.*, of which the registry has not told yet: "
    )
    assert engine.calls() == []
    engine.registry.is_away = False
    engine.turn(minutes=5)
    assert shop.given() == f"{SHOP}@{ONE}"


def test_another_pattern_in_the_file_is_looked_for_before_it_counts(engine: MemoryEngine, shop: Shop) -> None:
    """What was found by the old one is not taken for it."""
    engine.turn()
    engine.repository_settings["shop"]["images"][0]["tags"] = "2.*"
    engine.registry.is_away = True
    engine.restart()
    engine.turn()
    assert shop.given() == f"{SHOP}@{ONE}"
    assert engine.environment("alice").status is Status.READY
    engine.registry.is_away = False
    engine.turn()
    assert shop.given() == f"{SHOP}@{THREE}"


def test_a_new_image_waits_for_a_window(engine: MemoryEngine) -> None:
    """As a push does."""
    now = engine.clock()
    opens = now + timedelta(hours=3)
    shop = Shop(engine, windows={"deny": [{"start": f"{opens.minute} {opens.hour} * * *", "duration": "1h"}]})
    engine.turn()
    engine.registry.images[SHOP]["1.10"] = TWO
    engine.turn(hours=3, minutes=10)
    assert shop.given() == f"{SHOP}@{ONE}"
    assert engine.environment("alice").status is Status.WAITING
    engine.turn(hours=1)
    assert shop.given() == f"{SHOP}@{TWO}"


def test_credentials_are_those_of_now_and_stay_secret(engine: MemoryEngine, tmp_path: Path) -> None:
    """They are read at each look."""
    (tmp_path / "token").write_text("hush-hush-token")
    login = {"username": "bot", "password": {"file": str(tmp_path / "token")}}
    Shop(engine, images=[{"variable": "image", "image": SHOP, "tags": "1.*", "credentials": login}])
    engine.turn()
    (tmp_path / "token").write_text("another-token")
    engine.turn()
    assert engine.registry.logins == [Login("bot", "hush-hush-token"), Login("bot", "another-token")]
    assert "hush" not in repr(engine.registry.logins)
    assert (
        engine.application.services.organizations["acme"].access().redact("another-token") != "another-token"
    )


def test_a_named_environment_may_follow_its_own(engine: MemoryEngine) -> None:
    """In place of the repository's, for the same variable; what nobody follows any more is forgotten."""
    engine.registry.images[SHOP] = {"1.9": ONE, "2.0": TWO}
    general = {"variable": "image", "image": SHOP, "tags": "1.*"}
    named = {"name": "production", "branch": "main", "images": [{**general, "tags": "2.*"}]}
    other = {"name": "staging", "branch": "rc"}
    repository = engine.repository(images=[general], environments=[named, other])
    for branch in ("main", "rc", "env-alice"):
        repository.commit(branch, code(module=WITH_IMAGE))
    engine.turn(2)
    given = {}
    for name in ("alice", "staging", "production"):
        claim = engine.environment(name).claim
        assert claim is not None
        given[name] = claim.variables["image"]
    newest, older = f"{SHOP}@{TWO}", f"{SHOP}@{ONE}"
    assert given == {"alice": older, "staging": older, "production": newest}
    seen = engine.store.pipeline.images.seen(engine.environment("alice").id.repository_id)
    assert [i.tag for i in images_for("production", seen)] == ["2.0"]
    assert [i.tag for i in images_for("alice", seen)] == ["1.9"]
    runs = len(engine.runs())
    engine.turn(3, hours=1)
    assert len(engine.runs()) == runs, "neither takes the other's for news"
    del named["images"]
    engine.restart()
    engine.turn(2)
    seen = engine.store.pipeline.images.seen(engine.environment("alice").id.repository_id)
    assert [i.name for i in seen] == [""]
    claim = engine.environment("production").claim
    assert claim is not None
    assert claim.variables["image"] == older


def test_a_newer_image_waits_for_approval_and_for_the_thaw(engine: MemoryEngine) -> None:
    """As a push does: it is proposed once, an even newer one asks anew, and a freeze holds back what was approved."""
    shop = Shop(engine, approval={"needed": 1, "self": True})
    everywhere = engine.application

    def approved() -> None:
        steering.approve(engine.application, engine.environment("alice"))
        engine.turn()

    engine.turn()
    approved()
    assert shop.given() == f"{SHOP}@{ONE}"
    engine.registry.images[SHOP]["1.10"] = TWO
    engine.turn(3)
    found = engine.environment("alice")
    assert (found.hold.guard, shop.given()) == (Guard.APPROVAL, f"{SHOP}@{ONE}")
    digest = found.proposal and found.proposal.digest
    steering.approve(engine.application, found)
    engine.registry.images[SHOP]["1.11"] = THREE
    engine.turn(2)
    found = engine.environment("alice")
    assert found.proposal is not None
    assert (found.proposal.approvals, found.proposal.digest == digest) == ((), False)
    assert shop.given() == f"{SHOP}@{ONE}", "another image is another plan than the approved one"
    freezing.freeze(everywhere, Spot("acme"), "migration", None)
    approved()
    assert (engine.environment("alice").status, shop.given()) == (Status.WAITING, f"{SHOP}@{ONE}")
    freezing.thaw(engine.application, Spot("acme"))
    engine.turn()
    assert (engine.environment("alice").status, shop.given()) == (Status.READY, f"{SHOP}@{THREE}")
