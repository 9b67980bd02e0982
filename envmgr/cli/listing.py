"""What `envmgr list` shows, wherever it comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.environment import Environment, RepositoryState
from envmgr.domain.values.names import RepositoryId

if TYPE_CHECKING:
    from envmgr.domain.values.forge.telling import Untold
    from envmgr.domain.values.hosts.host import Standing


@dataclass(frozen=True, slots=True)
class Listing:
    """Environments as one each with their addresses, the same as JSON objects, repositories that could not be read, and what is frozen.

    Also what forges could not be told, and how all hosts stand.
    """

    rows: Sequence[tuple[Environment, Sequence[str]]]
    objects: Iterable[Any]
    unreachable: Mapping[RepositoryId, RepositoryState]
    freezes: Sequence[Freeze]
    untold: "Mapping[RepositoryId, Sequence[Untold]]"
    hosts: "Sequence[Standing]"
