"""What is frozen."""

from collections.abc import Sequence
from typing import Protocol

from envmgr.domain.values.asking.freeze import Freeze


class Freezes(Protocol):
    """Freezes; of each place at most one that people made and one that stands in the organization file."""

    def all(self) -> Sequence[Freeze]:
        """All of them, by place, also those that are over."""
        ...

    def put(self, freeze: Freeze) -> None:
        """Records a freeze, in place of the one of its sort that is there."""
        ...

    def remove(self, freeze: Freeze) -> bool:
        """Forgets the one of its place and sort; False where there is none."""
        ...
