"""The environments that this process works on, or will as soon as a thread is free."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from envmgr.domain.values.names import EnvironmentId


class Flight:
    """Of one environment: it waits, is worked on, and is over. `asked`: somebody asked for it by name."""

    def __init__(self, identity: EnvironmentId, *, asked: bool = False) -> None:
        """It waits."""
        self.identity = identity
        self.asked = asked
        self.over = Future[None]()


class InFlight:
    """Each environment once at a time, whichever thread comes to work on it."""

    def __init__(self) -> None:
        """None."""
        self._lock = threading.Lock()
        self._flights: dict[EnvironmentId, Flight] = {}
        self._closed = False

    def enter(self, identity: EnvironmentId, *, asked: bool) -> Flight | None:
        """Lets an environment wait; None where it does already, is worked on, or nothing more is."""
        with self._lock:
            if self._closed or identity in self._flights:
                return None
            flight = self._flights[identity] = Flight(identity, asked=asked)
            return flight

    def begin(self, identity: EnvironmentId) -> Flight | None:
        """Begins with an environment, whether it waited here or not; None where it is worked on, or nothing more is."""
        with self._lock:
            if self._closed:
                return None
            flight = self._flights.setdefault(identity, Flight(identity))
            return None if flight.over.running() else self._begun(flight)

    def begin_with(self, flight: Flight) -> bool:
        """Begins with one that waited; False where another thread has begun with it, or nothing more is."""
        with self._lock:
            if self._closed or flight.over.running() or self._flights.get(flight.identity) is not flight:
                return False
            return self._begun(flight) is flight

    def drop(self, flight: Flight) -> bool:
        """Takes out one that still waits; False where it does no more. Whoever waits for it is still to be told."""
        with self._lock:
            waits = self._flights.get(flight.identity) is flight and not flight.over.running()
            if waits:
                del self._flights[flight.identity]
            return waits

    def end(self, flight: Flight) -> None:
        """Takes out one that was worked on. Whoever waits for it is still to be told."""
        with self._lock:
            del self._flights[flight.identity]

    def close(self) -> None:
        """Takes out all that wait, and lets none begin any more; what is worked on goes on."""
        with self._lock:
            self._closed = True
            waiting = [each for each in self._flights.values() if not each.over.running()]
            for flight in waiting:
                del self._flights[flight.identity]
        for flight in waiting:
            flight.over.set_result(None)

    def all(self) -> Sequence[Flight]:
        """Those that wait or are worked on, by environment."""
        with self._lock:
            return [self._flights[identity] for identity in sorted(self._flights)]

    def _begun(self, flight: Flight) -> Flight:
        # The future's own state is all that tells those at work from those that wait.
        flight.over.set_running_or_notify_cancel()
        return flight
