"""Whether somebody may still read what she follows: one look for all who show the same, and none goes on for longer than she may."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from envmgr.domain.values.asking.person import Asker, Kind, Person, Role
from envmgr.web.live import readers
from envmgr.web.live.readers import Reader, Readers

ANN = Asker(Kind.PERSON, "ann")
VIEWER = Person(ANN, {("acme", None): Role.VIEWER})
ADMIN = Person(ANN, {("acme", None): Role.ADMIN})


@dataclass
class Records:
    """Who somebody is, and how often that was asked."""

    now: Person | None = VIEWER
    looks: int = 0
    known: Readers = field(default_factory=Readers)

    def look(self) -> Person | None:
        """Who she is by now."""
        self.looks += 1
        time.sleep(0.01)  # others come meanwhile
        return self.now

    def reader(self, key: object = "secret", person: Person = VIEWER) -> Reader:
        """One more who has begun."""
        found = Reader(person, self.look, key)
        self.known.begin(found)
        return found

    def go_on(self, *those: Reader) -> list[bool]:
        """Which of them may."""

        async def all_at_once() -> list[bool]:
            return await asyncio.gather(*map(self.known.may_go_on, those))

        return asyncio.run(all_at_once())


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Records:
    """All are looked at again at once."""
    monkeypatch.setattr(readers, "LOOK", 0.0)
    return Records()


def test_one_look_tells_of_all_who_show_the_same(records: Records) -> None:
    """Forty of one secret, and two of whom nothing of the kind is known."""
    of_one = [records.reader() for _ in range(40)]
    assert records.go_on(*of_one) == [True] * 40
    assert records.looks == 1
    assert records.go_on(records.reader(None), records.reader(None)) == [True, True]
    assert records.looks == 3


@pytest.mark.parametrize("now", [None, ADMIN])
def test_who_is_no_more_who_she_was_reads_no_further(records: Records, now: Person | None) -> None:
    """Nor who may more by now: she comes again, as that."""
    records.now = now
    assert records.go_on(records.reader(), records.reader()) == [False, False]


def test_who_comes_again_tells_of_all_who_show_the_same(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found by an older look is not held against her; those who came before do not go on."""
    monkeypatch.setattr(readers, "LOOK", 60.0)
    before = records.reader()
    after = records.reader(person=ADMIN)
    assert records.go_on(before, after) == [False, True]
    assert records.looks == 0


def test_a_look_that_fails_lets_nobody_go_on(records: Records) -> None:
    """In doubt nobody reads on."""
    reader = Reader(VIEWER, lambda: 1 // 0, "secret")  # type: ignore[arg-type,return-value]
    records.known.begin(reader)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            records.go_on(reader)
