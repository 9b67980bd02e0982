"""What every store keeps of freezes."""

from dataclasses import replace

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.ports import Store
from tests.support.store import MINUTE, NOW, in_threads

ODD = "ä \0 \udcff '; DROP TABLE freezes --"
ACME = Freeze(organization="acme", reason=ODD, by=ODD, since=NOW)


def test_one_of_a_place_by_people_and_one_by_the_file(store: Store) -> None:
    """Each replaces its like and no other; what is not there cannot be taken away."""
    shop = replace(ACME, repository="shop", until=NOW + MINUTE)
    in_file = replace(ACME, in_file=True)
    for freeze in (shop, ACME, in_file):
        store.freezes.put(freeze)
    assert store.freezes.all() == [ACME, in_file, shop]
    other = replace(ACME, reason="another", since=NOW + MINUTE)
    store.freezes.put(other)
    assert store.freezes.all() == [other, in_file, shop]
    assert [store.freezes.remove(ACME), store.freezes.remove(ACME)] == [True, False]
    assert store.freezes.all() == [in_file, shop]


def test_of_many_who_freeze_a_place_at_once_one_stands(store: Store) -> None:
    """As where several hosts read the same new file: nobody's start fails for that."""
    for turn in range(5):
        wanted = [replace(ACME, organization=f"a{turn}", in_file=True, reason=str(n)) for n in range(8)]
        in_threads(store.freezes.put, wanted)
        assert len(store.freezes.all()) == turn + 1
