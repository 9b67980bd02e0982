"""Whether what runs is to end: asked several times a second, by all that runs under a lease."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Environment, Suspension
from envmgr.ports import Store

_ASKING = 1.0
"""Seconds between two looks at whether a person cancelled what runs: each is a query."""


class Stopping:
    """Asks what may end a piece of work: envmgr stops, its lease was taken over, what it gives way to, a person."""

    def __init__(self, reasons: Sequence[Callable[[], bool]], store: Store, began: Environment) -> None:
        """`reasons` are asked each time; `began` is the record as it was when the work began."""
        self._reasons = reasons
        self._store = store
        self._began = began
        self._is_cancelled = False
        self._ask_at = 0.0

    def __call__(self) -> bool:
        """Whether a running Terraform, or a wait, is to be ended."""
        return any(reason() for reason in self._reasons) or self._cancelled()

    def _cancelled(self) -> bool:
        """Whether a person, in whatever process, wants what runs here to end; looked up now and then only."""
        now = time.monotonic()
        if not self._is_cancelled and now >= self._ask_at:
            self._ask_at = now + _ASKING
            with suppress(EnvmgrError):  # a store that is away cancels nothing
                self._is_cancelled = self._has_mark(self._store.environment(self._began.id))
        return self._is_cancelled

    def _has_mark(self, found: Environment | None) -> bool:
        """A mark that stood there when the work began is of what it resumes."""
        if found is None or found.suspended_by is not Suspension.CANCEL:
            return False
        return found.suspended != self._began.suspended
