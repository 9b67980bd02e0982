"""What was frozen or thawed by anybody since the last look: its repositories are looked at again."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.names import RepositoryId

if TYPE_CHECKING:
    from envmgr.domain.values.asking.freeze import Freeze


class FreezeWatch:
    """Knows the freezes that there were at the last look."""

    def __init__(self) -> None:
        """The first look tells of all that are frozen."""
        self._known: frozenset[Freeze] = frozenset()

    def news(self, runtime: Runtime) -> Collection[RepositoryId]:
        """The repositories of which a freeze came, went or became another; raises what the store raises."""
        found = frozenset(runtime.services.store.freezes.all())
        changed, self._known = found ^ self._known, found
        return [each for each in runtime.services.repositories if any(f.covers(each) for f in changed)]
