"""Threads that wait for a place: in their order, past those that hang, and not beyond the end."""

import threading
from collections.abc import Callable
from datetime import timedelta

from envmgr.engine.reconcile.places import Place, Places

HOUR = timedelta(hours=1)


class Worker:
    """Asks for a place, and keeps it until it is told to end."""

    def __init__(self, places: Places) -> None:
        """Ask for it in a thread."""
        self.began, self.ends, self.place = threading.Event(), threading.Event(), Place()
        self._places = places
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        with self._places.place() as self.place:
            self.began.set()
            self.ends.wait(30)

    def end(self) -> None:
        """Give the place back."""
        self.ends.set()
        self._thread.join(30)


def holds(*workers: Worker) -> bool:
    """Whether all of them have a place, soon."""
    return all(worker.began.wait(10) for worker in workers)


def has_none(worker: Worker, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Whether one still has none, some time later."""
    meanwhile()
    return not worker.began.wait(0.3)


def test_a_place_that_is_given_back_is_the_next_ones() -> None:
    places = Places(1, HOUR)
    first = Worker(places)
    assert holds(first)
    second = Worker(places)
    assert has_none(second)
    third = Worker(places)
    assert has_none(third)
    first.end()
    assert holds(second)
    assert has_none(third)
    second.end()
    assert holds(third)
    third.end()


def test_who_hangs_holds_nobody_up_until_it_moves_again() -> None:
    """Then it has its place back: nobody begins although another ended."""
    places = Places(1, HOUR)
    hanging = Worker(places)
    assert holds(hanging)
    second, third = Worker(places), Worker(places)
    hanging.place.quiet(HOUR)
    began = second if second.began.wait(10) else third
    other = third if began is second else second
    assert has_none(other), "never more than twice as many"
    hanging.place.quiet(timedelta())
    began.end()
    assert has_none(other)
    hanging.end()
    assert holds(other)
    other.end()


def test_the_end_lets_those_who_wait_go() -> None:
    places = Places(1, HOUR)
    first = Worker(places)
    assert holds(first)
    second = Worker(places)
    assert has_none(second)
    places.close()
    assert holds(second)
    first.end()
    second.end()
