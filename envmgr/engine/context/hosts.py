"""This host among the others: it says that it is there, and takes work only where it may."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from envmgr import __version__
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.hosts.standing import why_passive, wrong_clock
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.duty import Duty, Task
from envmgr.domain.values.hosts.host import Host, Report
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Clock, Processes, Store
from envmgr.ports.hosts import Met

from .shared_clock import SharedClock

log = structlog.get_logger()


class Fleet:
    """What this process says of its host, and what it was told of the others at its last beat.

    In doubt this host is passive: before it was recorded once, it takes no work. A database that is away for a
    while changes nothing: then nobody can take work.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        process: ProcessId,
        processes: Processes,
        *,
        fences: bool = True,
    ) -> None:
        """`fences`: each host ends what it began before its leases end, as where several may share the database."""
        self._fences = fences
        self._store, self._clock = store, clock
        self._shared = clock if isinstance(clock, SharedClock) else None
        self._process, self._processes = process, processes
        self._report = Report(process=process, version=__version__)
        self._met: Met | None = None
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may work by the same records."""
        return self._fences

    @property
    def clock(self) -> Clock:
        """The present, as all that is decided here has to take it."""
        return self._clock

    def wrong_clock(self) -> str:
        """Why nobody may say here when something is to be over, as a sentence; empty where that may be said."""
        if self._shared is not None and self._met is None:
            self._compare(self._shared)
        return wrong_clock(self._process.host, self._ahead())

    def _ahead(self) -> timedelta:
        """How far this host's clock is ahead: compared again where it was set since, and the database answers."""
        if self._shared is None:
            return timedelta()
        if self._shared.was_set:
            with suppress(EnvmgrError):
                self._compare(self._shared)
        return self._shared.ahead

    def _compare(self, clock: SharedClock) -> None:
        """Says where the database's clock was set."""
        by = round(clock.compare(self._store.hosts).total_seconds())
        if by:
            log.warning(
                f"The clock of the database was set {'forward' if by > 0 else 'back'} by {abs(by)} s: for the next "
                f"{TERMS.lease.total_seconds():.0f} s nothing is taken over that is over by it alone.",
                action="database-clock-set",
            )

    def is_time_over(self) -> bool:
        """Whether what is over by the database's clock is over indeed, and not because that was set. Asks it."""
        if self._shared is None:
            return True
        self._compare(self._shared)
        return self._shared.is_kept

    @property
    def process(self) -> ProcessId:
        """This process."""
        return self._process

    @property
    def serves(self) -> bool:
        """Whether this process is the host's daemon."""
        return self._report.serves

    @property
    def told(self) -> str:
        """Why it takes no work somewhere, as it was told last; empty where it does everywhere."""
        return next(filter(None, self._told.values()), "")

    def configure(self, configurations: Mapping[str, str]) -> None:
        """Says by which files this process works from now on: their digests, by organization."""
        self._report = replace(self._report, configurations=configurations)

    def serve(self) -> None:
        """From now on this process is the host's daemon."""
        self._report = replace(self._report, serves=True)

    def beat(self) -> Met:
        """Says that this host is there, and hears of the others. Raises what the store raises."""
        with self._lock:
            if self._shared is not None:
                self._compare(self._shared)
                self._report = replace(self._report, ahead=self._shared.ahead)
            found = self._store.hosts.beat(self._report, self._clock(), self._processes.is_dead)
            self._met = found
        if self._report.serves:
            self._tell()
        return found

    def hear(self) -> frozenset[Duty]:
        """Says that this host is there, and gives the duties that others had at the word before, and have no more."""
        before = self._met.elsewhere if self._met is not None else frozenset()
        return before - self.beat().elsewhere

    def leave(self) -> None:
        """Says that the daemon of this host has come to its end."""
        if self._report.serves:
            self._store.hosts.leave(self._process, self._clock())

    def why_passive(self, organization: str) -> str:
        """Why nothing is begun in an organization from here, as a sentence; empty where it is."""
        met = self.met
        if met.refused:
            return met.refused
        mine = next(host for host in met.hosts if host.id == self._process.machine)
        mine = replace(mine, ahead=self._ahead())
        return why_passive(mine, met.schema, self.counting(met.hosts), organization)

    def counting(self, hosts: Iterable[Host]) -> Sequence[Host]:
        """Those beside which a host may have to take no work.

        Where a database is of one host alone, whoever else is in it is of before a move, or a copy. And a daemon of this
        machine that is dead, as one that had another data folder, counts no more, though it was just heard of.
        """
        return [each for each in hosts if self._fences and not self._processes.is_dead(each.process)]

    @property
    def met(self) -> Met:
        """Whom it met at its last beat."""
        return self._met if self._met is not None else self.beat()

    @property
    def has_company(self) -> bool:
        """Whether it met other hosts at its last beat; without asking the database."""
        return self._met is not None and len(self._met.hosts) > 1

    def gone(self, process: ProcessId) -> str:
        """Why nothing of a process on another host can be at work any more, as a sentence; empty where that is not known.

        Only asked of whoever holds the lease under which that process worked: then it has ended for the other.
        Asked of the database each time: a host that was silent may just have come back.
        """
        if not process.machine or process.machine == self._process.machine:
            return ""
        host = self.host(process)
        if host is None:
            is_forgotten = self._store.hosts.forgotten(process.machine)
            return f"a person said that its host {process.host} is gone for good" if is_forgotten else ""
        if not (self._fences and host.is_gone and self.is_time_over()):
            return ""
        return f"its host {process.host} is silent since {host.beat_at:%Y-%m-%d %H:%M:%S} UTC"

    def host(self, process: ProcessId) -> Host | None:
        """The host of a process, as it is known now; None where it is not."""
        found = self._store.hosts.all(self._clock())
        return next((host for host in found if host.id == process.machine), None)

    def takes_poll(self, repository: RepositoryId) -> bool:
        """Whether this host is to look at a repository's remote, and no other.

        The database is not asked where another one was at the last beat: that it is no more is heard by the next one.
        """
        if self.why_passive(repository.organization) or not self.looks_after(repository):
            return False
        return self._store.hosts.takes(Duty.of(repository), self._process, self._clock())

    def takes(self, task: Task, organization: str = "") -> bool:
        """Whether a task of an organization, or of all the records, is this host's, and no other's."""
        if self.why_passive(organization):
            return False
        return self._store.hosts.takes(Duty(organization, task), self._process, self._clock())

    def looks_after(self, repository: RepositoryId) -> bool:
        """Whether a repository was no other host's at the last beat; without asking the database."""
        return Duty.of(repository) not in self.met.elsewhere

    def _tell(self) -> None:
        """Says why this host begins nothing somewhere, once; what it looked at there is left to others."""
        for organization in self._report.configurations:
            why = self.why_passive(organization)
            if why:
                self._store.hosts.leaves(organization, self._process)
            if why != self._told.get(organization, ""):
                self._told[organization] = why
                said = why or "This host takes work again."
                (log.warning if why else log.info)(
                    said, action="passive" if why else "active", organization=organization
                )


def try_to_beat(fleet: Fleet) -> None:
    """Says that this host is there, if the database takes it: what is in the way passes, or is told by what needs it."""
    try:
        fleet.beat()
    except EnvmgrError as error:
        log.warning(str(error), action="not-told")
