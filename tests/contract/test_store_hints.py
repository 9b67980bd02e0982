"""What every store keeps of hints."""

from concurrent.futures import ThreadPoolExecutor

from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Store
from tests.support.store import MINUTE, NOW

SHOP, SITE, OTHER = RepositoryId("acme", "shop"), RepositoryId("acme", "site"), RepositoryId("other", "shop")


def test_each_is_kept_once_and_taken_once(store: Store) -> None:
    """By whoever watches it; what somebody else watches stays."""
    hints = store.hooks.hints
    hints.leave([SHOP, SITE, OTHER], NOW)
    hints.leave([SHOP], NOW + MINUTE)
    hints.leave([], NOW)
    assert hints.waiting() == [SHOP, SITE, OTHER]
    assert hints.take([SITE, SHOP]) == [SHOP, SITE]
    assert hints.waiting() == [OTHER]
    assert hints.take([SITE, SHOP]) == []
    hints.leave([SHOP], NOW)
    assert hints.take([SHOP, OTHER]) == [SHOP, OTHER]


def test_of_many_who_take_one_gets_it(store: Store) -> None:
    """Several daemons on one database do not all look."""
    store.hooks.hints.leave([SHOP], NOW)
    with ThreadPoolExecutor(4) as pool:
        found = [
            each for taken in pool.map(lambda _: store.hooks.hints.take([SHOP]), range(4)) for each in taken
        ]
    assert found == [SHOP]
