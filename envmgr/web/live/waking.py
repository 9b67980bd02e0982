"""Waking many at once: all who wait for the same thing."""

import asyncio


class Waking:
    """Wakes all who wait. Works on one event loop."""

    def __init__(self) -> None:
        """Nobody waits."""
        self.count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wakes them: there is something new."""
        self.count += 1
        for waiting in self._waiting:
            _let_go(waiting)

    async def after(self, count: int, seconds: float) -> bool:
        """Waits until it has rung more often than that, for so many seconds at most; says whether it has."""
        if self.count == count:
            # No task of its own for each, as `asyncio.wait_for` makes: with hundreds it is most of what a stream costs.
            loop = asyncio.get_running_loop()
            waiting = loop.create_future()
            timer = loop.call_later(seconds, _let_go, waiting)
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                timer.cancel()
                self._waiting.discard(waiting)
        return self.count != count


def _let_go(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
