"""Finding what a person named in the records alone."""

from typing import TYPE_CHECKING

from envmgr.domain.errors import UsageError
from envmgr.domain.values import reference
from envmgr.domain.values.names import ref_component

if TYPE_CHECKING:
    from envmgr.domain.values.environment import Environment
    from envmgr.ports import Store


def known_records(store: "Store", text: str) -> "list[Environment]":
    """The records of the one environment of a name, by application; UsageError where there is none, or several."""
    found = reference.find(text, store.environments(destroyed=True))
    if not found:
        raise UsageError(
            f"There is no environment {ref_component(text)!r}: `envmgr list --all` shows them, "
            "`envmgr reconcile` looks for new branches."
        )
    return found
