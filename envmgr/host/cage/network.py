"""The way out of a cage that reaches a part of the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import Network, Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a child needs for it: paths to see and to write to, a command that starts the child, variables."""

    sees: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def way(network: Network, log: Path) -> Way:
    """Opens the way for one child, for as long as it lives; what was refused is told in its log.

    Raises NeedsPerson where there is none.
    """
    if network.reach in (Reach.HOST, Reach.NOTHING):
        return Way()
    raise NeedsPerson(
        "The cage cannot be made: a part of the network is reached by a proxy, which this envmgr does not have. Nothing "
        f"runs without ({log.name}): set `cage: {{network: none}}`, or `open` for the host's own network."
    )
