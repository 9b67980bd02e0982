"""The hosts that work by the same records, and what one of them leaves to the others."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.duty import Duty
from envmgr.domain.values.hosts.host import Host, Report
from envmgr.domain.values.hosts.priority import Priority, Turn
from envmgr.domain.values.names import EnvironmentId


@dataclass(frozen=True, slots=True)
class Met:
    """What a host finds when it says that it is there: the revision of the database, all hosts, and why it is refused.

    `elsewhere` are the duties that other hosts have, who live.
    """

    schema: str
    hosts: Sequence[Host]
    refused: str = ""
    elsewhere: frozenset[Duty] = frozenset()


class Hosts(Protocol):
    """Which hosts there are. Where several may share the database, all times are its own; `now` counts where one host has it."""

    def beat(self, report: Report, now: datetime, is_dead: Callable[[ProcessId], bool]) -> Met:
        """Records that a host is there, unless another one lives by its name or its ID; of a daemon also that it was refused."""
        ...

    def present(self) -> datetime | None:
        """What the database's clock says now; None where one host has the database: then there is no other clock."""
        ...

    def all(self, now: datetime) -> Sequence[Host]:
        """All that were heard of and not forgotten, by name."""
        ...

    def refused(self, now: datetime) -> Sequence[Host]:
        """Daemons that were refused, as each was told last, also those that say so no more; for people alone: nobody counts them."""
        ...

    def leave(self, process: ProcessId, now: datetime) -> None:
        """Records that the daemon of a host came to an orderly end."""
        ...

    def drain(self, identity: str, *, draining: bool) -> bool:
        """Says that a host is to take no new work, or that it may again; False where there is no such host."""
        ...

    def forget(self, identity: str) -> bool:
        """Forgets a host: what it had begun counts as over. False where there is no such host."""
        ...

    def forgotten(self, identity: str) -> bool:
        """Whether a person said that a host is gone for good, and it was not heard of since."""
        ...

    def takes(self, duty: Duty, process: ProcessId, now: datetime) -> bool:
        """Whether a duty is this host's, from now on or already: nobody else who lives has it."""
        ...

    def leaves(self, organization: str, process: ProcessId) -> None:
        """Leaves the duties of an organization to other hosts."""
        ...


@dataclass(frozen=True, slots=True)
class LeftState:
    """What an apply could not write: of which run, since when, and in which host's working folder it is, too (its ID).

    `content` is encrypted: a state holds secrets.
    """

    environment: EnvironmentId
    run: int
    at: datetime
    content: str
    host: str = ""


class LeftStates(Protocol):
    """States that Terraform could not write to their backends, until they are there: one for each environment at most: nothing else is done there before it is in its backend."""

    def keep(self, left: LeftState) -> bool:
        """Keeps what was left, durably when this returns; False where another one is kept already, which stays."""
        ...

    def get(self, environment: EnvironmentId) -> LeftState | None:
        """What was left of an environment."""
        ...

    def brought_to(self, left: LeftState, host: str) -> None:
        """Notes in which host's working folder it is."""
        ...

    def forget(self, left: LeftState) -> None:
        """Forgets just what was left by this run."""
        ...


class Places(Protocol):
    """The places of an organization: so many of its environments may be worked on at once, on all hosts together.

    A place belongs to a lease and ends with it, given back or over.
    """

    def taken(self, organization: str, now: datetime) -> Sequence[Lease]:
        """Those that are taken, by environment."""
        ...

    def take(self, lease: Lease, most: int, now: datetime, is_dead: Callable[[ProcessId], bool]) -> bool:
        """Takes one, where fewer than `most` are taken: of all hosts that ask at once as many get one.

        Those whose owner is provably dead are free. LeaseLost where the lease is over.
        """
        ...

    def set(self, lease: Lease, *, taken: bool) -> None:
        """Gives it up, or has it again, however many are taken: work that hangs keeps nobody else from his. LeaseLost where it is over."""
        ...


class Queue(Protocol):
    """The environments that wait to be looked at, the greatest priority first, then who waits longest.

    It carries nothing else: what is to be done there, its record says, and the lease alone keeps others off. So a turn
    that is lost or doubled harms nothing.
    """

    def put(self, wanted: Mapping[EnvironmentId, Priority]) -> None:
        """Lets environments wait for their turns, in this order, all or none; one that waits already waits once, by the greater priority."""
        ...

    def take(self, organization: str) -> Turn | None:
        """Whose turn it is in an organization, given to nobody else; None where nobody waits. Also one that somebody works on, who was put since."""
        ...

    def done(self, turn: Turn) -> None:
        """Says that the look is over, whatever it came to; quiet where the turn was made anew meanwhile."""
        ...

    def waiting(self, organizations: Collection[str]) -> Mapping[str, int]:
        """How many wait, by organization, where any do."""
        ...

    def sweep(self) -> None:
        """Says that this process lives, and lets wait anew what those had taken that live no more. To be asked every few seconds."""
        ...

    def close(self) -> None:
        """Gives back whatever this process has taken and not done."""
        ...
