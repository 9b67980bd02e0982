"""What was frozen or thawed is noticed, without asking each second."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from envmgr.daemon.freeze_watch import PAUSE, FreezeWatch
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.names import RepositoryId

SHOP, OTHER = RepositoryId("acme", "shop"), RepositoryId("other", "site")
FREEZE = Freeze(organization="acme", reason="sale", by="ann", since=datetime(2026, 11, 20, tzinfo=UTC))


def test_a_freeze_and_its_end_are_news_once() -> None:
    """For the repositories that it covers, and not before some seconds have passed."""
    now, asked, there = [0.0], [], [FREEZE]

    def everything() -> list[Freeze]:
        asked.append(now[0])
        return list(there)

    store = SimpleNamespace(freezes=SimpleNamespace(all=everything))
    runtime: Any = SimpleNamespace(services=SimpleNamespace(store=store, repositories=[SHOP, OTHER]))
    watch = FreezeWatch(lambda: now[0])

    def news() -> list[RepositoryId]:
        return list(watch.news(runtime))

    assert news() == [SHOP]
    there.clear()
    now[0] += PAUSE - 0.1
    assert news() == []
    now[0] += 0.1
    assert news() == [SHOP]
    now[0] += PAUSE
    assert news() == []
    assert asked == [0, PAUSE, 2 * PAUSE]
