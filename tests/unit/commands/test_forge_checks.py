"""What doctor says of a forge: who envmgr is there, which rights are missing or too wide, and when its token ends."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands.forge.checks import SOON, of_forges
from envmgr.commands.forge.webhooks import Hook
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import ForgeKind, PreviewRules
from envmgr.ports.forge import ForgeIdentity
from tests.support.in_memory.rules import SHOP
from tests.support.in_memory.world import World
from tests.support.memory_forge import OURS, MemoryForge

HOOK = Hook(repository=SHOP, kind=ForgeKind.GITHUB, name="acme/shop", secret=lambda: "s")


@dataclass
class Known(MemoryForge):
    """A forge that tells who envmgr is."""

    told: ForgeIdentity = field(default=ForgeIdentity(person=OURS))

    def identity(self) -> ForgeIdentity:
        """See the port."""
        super().identity()
        return self.told


@pytest.mark.parametrize(
    ("told", "ok", "said"),
    [
        ({}, True, "envmgr-bot on github; webhooks are taken"),
        (
            {"missing": ("statuses: write",)},
            False,
            "envmgr-bot on github lacks statuses: write: give it that right.",
        ),
        ({"too_wide": ("administration",)}, True, "warning: it may do more than it needs: administration"),
        ({"expires_at": SOON + timedelta(days=1)}, True, "webhooks are taken; its token ends 2026-12-05"),
        ({"expires_at": SOON}, True, "webhooks are taken; warning: its token ends 2026-12-04"),
        ({"expires_at": timedelta(0)}, False, "The token of envmgr-bot ended 2026-11-20: make another one."),
    ],
)
def test_each_is_told(tmp_path: Path, told: dict[str, object], ok: bool, said: str) -> None:
    """As a sentence, and as a failure where something is missing."""
    world = World(tmp_path)
    end = told.get("expires_at")
    values = {**told, **({"expires_at": world.now + end} if isinstance(end, timedelta) else {})}
    forge = Known(told=ForgeIdentity(person=OURS, **values))  # type: ignore[arg-type]
    runtime = world.person.application
    shop = replace(runtime.services.repositories[SHOP], forge=forge)
    services = replace(runtime.services, repositories={SHOP: shop})
    runtime = replace(runtime, services=services, hooks=(HOOK,))
    (found,) = of_forges(runtime)
    assert (found.check, found.ok) == ("forge acme/shop", ok)
    assert said in found.message
    forge.broken = Transient("It does not answer.")
    assert [each.message for each in of_forges(replace(runtime, hooks=()))] == ["It does not answer."]
    bare = replace(services, repositories={SHOP: replace(shop, forge=None)})
    assert not list(of_forges(replace(runtime, services=bare)))


def test_that_forks_cannot_be_had_is_said(tmp_path: Path) -> None:
    """Where they are asked for, and the forge shows git no head of theirs."""
    world = World(tmp_path)
    runtime = world.person.application
    for heads, said in ((None, True), ("refs/pull/{number}/head", False)):
        forge = Known()
        forge.traits = replace(forge.traits, heads=heads)
        for forks in (True, False):
            shop = replace(
                runtime.services.repositories[SHOP], forge=forge, previews=PreviewRules(forks=forks)
            )
            services = replace(runtime.services, repositories={SHOP: shop})
            (found,) = of_forges(replace(runtime, services=services))
            assert found.ok
            assert ("does not show their heads to git" in found.message) is (said and forks)
