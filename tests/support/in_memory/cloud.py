"""The port `Cloud` in memory: what there is, with its tags, whoever made it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from envmgr.domain.errors import Transient


class MemoryCloud:
    """See `envmgr.ports.Cloud`."""

    lag = timedelta(0)

    def __init__(self) -> None:
        self.resources: dict[str, Mapping[str, str]] = {}
        self.inputs: dict[str, str] = {}
        """What a resource was made with, or has by now because somebody changed it by hand."""
        self.is_away = False

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """What carries all of the tags."""
        return [name for name, _ in self.tagged(tags)]

    def tagged(self, tags: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The same with all of its tags."""
        if not tags:
            raise ValueError("without tags everything would count as left")
        if self.is_away:
            raise Transient("The cloud in memory does not answer.")
        return sorted((name, of) for name, of in self.resources.items() if of.items() >= tags.items())
