"""Finding what a person named in the records alone."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from envmgr.domain.errors import UsageError
from envmgr.domain.values import reference
from envmgr.domain.values.names import ref_component

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envmgr.domain.values.environment import Environment, Event, Run
    from envmgr.domain.values.names import EnvironmentId
    from envmgr.ports import Store


@runtime_checkable
class Elsewhere(Protocol):
    """Records that a server shows: not all are read to find one, and what comes is told."""

    def seek(self, text: str) -> "list[Environment]":
        """The records of the one environment that a text means; none where none fits."""
        ...

    def newest_event(self) -> int:
        """The number of the newest event."""
        ...

    def coming_events(self, of: "Sequence[EnvironmentId | None]", last: int) -> "Iterator[Event]":
        """Events after a number as they happen, for ever."""
        ...

    def log(self, run: "Run", *, follows: bool) -> "Iterator[str]":
        """The lines of a run's log; with `follows` until it has ended."""
        ...


def known_records(
    store: "Store | Elsewhere", text: str, expected: "Callable[[str], str]" = lambda _: ""
) -> "list[Environment]":
    """The records of the one environment of a name, by application; UsageError where there is none, or several.

    `expected` says what one waits for of which there is no record yet.
    """
    if isinstance(store, Elsewhere):
        found = store.seek(text)
    else:
        found = reference.find(text, store.environments(destroyed=True))
    if not found:
        raise UsageError(
            expected(text)
            or f"There is no environment {ref_component(text)!r}: `envmgr list --all` shows them, "
            "`envmgr reconcile` looks for new branches."
        )
    return found
