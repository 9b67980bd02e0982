"""Signals of a process that works until it is told to end: each is kept, in order, until it is attended to."""

import signal
from queue import Empty, SimpleQueue


class Signals:
    """Those that have come and were not attended to yet. Kept from the main thread only, as Python wants it."""

    def __init__(self) -> None:
        """Keeps none yet."""
        # Only SimpleQueue.put is safe here: a handler may interrupt another, or the waiting itself.
        self._received: SimpleQueue[int] = SimpleQueue()

    def keep(self, *numbers: int) -> None:
        """From now on these signals are kept, instead of what they do to a process otherwise."""
        for number in numbers:
            signal.signal(number, lambda received, _: self._received.put(received))

    @property
    def is_any(self) -> bool:
        """Whether one has come that was not attended to: who does something long in the thread that attends to them breaks off."""
        return not self._received.empty()

    def next(self, seconds: float) -> int | None:
        """The first of them; None where none comes within some time.

        Python may not see one that comes just before it waits: who waits for long does so in pieces of a second.
        """
        try:
            return self._received.get(timeout=seconds)
        except Empty:
            return None
