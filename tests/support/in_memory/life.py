"""A process of envmgr that a test may kill, or have something happen to, at any of its calls to a port."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from envmgr.domain.values.environment import ProcessId

T = TypeVar("T")
_WITHIN = (
    "tokens",
    "sessions",
    "requests",
    "freezes",
    "pages",
    "pipeline",
    "releases",
    "builds",
    "images",
    "pull_requests",
    "hosts",
)
"""What of a store is a port of its own."""


class Killed(BaseException):
    """The process is dead: nothing of it goes on."""


@dataclass
class Life:
    """One process. Dies at the call with the number `dies_at`, `after` it was done or before.

    Before the call with the number `meets_at` something else is done, once: what that is must not use this process.
    """

    process: ProcessId
    dies_at: int | None = None
    after: bool = False
    meets_at: int | None = None
    meets: Callable[[], object] = lambda: None
    calls: int = 0
    is_dead: bool = False

    def through(self, port: T) -> T:
        """The port as this process has it."""
        return cast("T", _Mortal(self, port))

    def begin(self) -> bool:
        """Counts a call; whether it is the last, and to be done."""
        if self.is_dead:
            raise Killed
        self.calls += 1
        if self.calls == self.meets_at:
            self.meets()
        if self.calls != self.dies_at:
            return False
        self.is_dead = True
        if not self.after:
            raise Killed
        return True


class _Mortal:
    def __init__(self, life: Life, port: object) -> None:
        self._life, self._port = life, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in _WITHIN:
            return self._life.through(found)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            is_last = self._life.begin()
            done = found(*arguments, **named)
            if is_last:
                raise Killed
            return done

        return call
