"""Hints are taken up at once, and none is lost for having come too soon."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from envmgr.daemon import hint_watch
from envmgr.daemon.hint_watch import PAUSE, HintWatch
from envmgr.domain.values.forge import PreviewRules
from envmgr.domain.values.names import RepositoryId
from tests.support.memory_store import MemoryStore
from tests.support.store import NOW

SHOP, SITE, OTHER = RepositoryId("acme", "shop"), RepositoryId("acme", "site"), RepositoryId("other", "shop")


class Watched:
    """A watch over two repositories, its records, and a clock that tests move."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.store, self.now = MemoryStore(), 1000.0
        self.looks: list[list[RepositoryId]] = []
        patch.setattr(hint_watch, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.elsewhere: set[RepositoryId] = set()
        fleet = SimpleNamespace(takes_poll=lambda each: each not in self.elsewhere)
        self.repository = SimpleNamespace(previews=None)
        repositories = {SHOP: self.repository, SITE: self.repository}
        services = SimpleNamespace(repositories=repositories, store=self.store, fleet=fleet)
        self.services = services
        self.watch = HintWatch(cast(Any, SimpleNamespace(services=services, hooks=[object()])), self._look)

    def _look(self, found: Collection[RepositoryId]) -> None:
        self.looks.append(list(found))

    def come(self, *repositories: RepositoryId, after: float = 0) -> list[list[RepositoryId]]:
        """Hints come after some seconds, and the daemon ticks; what it looked at so far."""
        self.now += after
        self.store.hooks.hints.leave(repositories, NOW)
        self.watch.tick()
        return self.looks


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Before any hint."""
    return Watched(monkeypatch)


def test_one_look_in_five_seconds_and_the_last_hint_counts(watched: Watched) -> None:
    """Each repository for itself; one of somebody else's stays where it is."""
    assert watched.come(SHOP) == [[SHOP]]
    assert watched.come(SHOP, OTHER, after=PAUSE - 1) == [[SHOP]]
    assert watched.come(SITE) == [[SHOP], [SITE]]
    assert watched.come(after=1) == [[SHOP], [SITE], [SHOP]]
    assert watched.come(after=60) == [[SHOP], [SITE], [SHOP]]
    assert list(watched.store.hooks.hints.kept) == [OTHER]


def test_one_that_another_host_looks_at_is_left_to_it(watched: Watched) -> None:
    """And taken where that host is gone."""
    watched.elsewhere = {SHOP}
    assert watched.come(SHOP) == []
    watched.elsewhere = set()
    assert watched.come() == [[SHOP]]


def test_where_nobody_can_leave_one_nothing_is_asked(watched: Watched) -> None:
    """It costs the records nothing; somebody can where forks may have environments, by approving one's head."""
    runtime = SimpleNamespace(services=watched.services, hooks=())
    watched.watch.reconfigure(cast(Any, runtime))
    assert watched.come(SHOP) == []
    watched.repository.previews = PreviewRules(forks=True)
    assert watched.come() == [[SHOP]]
