"""A connection to PostgreSQL that waits for no answer without end, whatever is in between."""

import time
from typing import Any

import psycopg

PATIENCE = 75.0
"""Seconds for which an answer is waited for: longer than the server itself lets a statement take."""
LONG = 3600.0
"""The same for what takes its time: a migration, a copy of all records."""


class NoAnswer(psycopg.OperationalError):
    """A server, or a pooler before it, took a statement and said nothing."""


class Connection(psycopg.Connection[Any]):
    """Closes itself where no answer comes, so that nobody uses it again.

    PostgreSQL's own limits hold only once a statement has come to it: a pooler without a free connection keeps it waiting
    in silence, and so does a server that hangs.
    """

    patience = PATIENCE

    def __del__(self, _: Any = None, /) -> None:
        # A thread that has one while its store is closed gives it back to a pool that nobody closes any more.
        if hasattr(self, "pgconn") and not self.closed:
            self.close()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg does, but NoAnswer where the patience ran out."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        began, patience = time.monotonic(), self.patience
        try:
            return super().wait(gen, interval, patience)
        except psycopg.OperationalError:
            if time.monotonic() - began < patience:
                raise
            self.close()
            raise NoAnswer(f"it gave no answer within {patience:g} s") from None
