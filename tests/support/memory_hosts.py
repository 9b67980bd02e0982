"""The hosts of a store in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from envmgr.domain.rules.hosts.standing import conflict
from envmgr.domain.rules.hosts.standing import refused as refused_host
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.duty import Duty
from envmgr.domain.values.hosts.host import IDLE, Configured, Host, Report
from envmgr.ports.hosts import Met

SCHEMA = "memory"


class MemoryHosts:
    """See `envmgr.ports.Hosts`."""

    def __init__(self) -> None:
        """Nobody is known."""
        self.schema = SCHEMA
        self.clock: Callable[[], datetime] | None = None
        self._hosts: dict[str, Host] = {}
        self._refused: dict[tuple[str, str], Host] = {}
        self._forgotten: set[str] = set()
        self._seen: dict[tuple[str, str], datetime] = {}
        self._duties: dict[Duty, str] = {}

    def beat(self, report: Report, now: datetime, is_dead: Callable[[ProcessId], bool]) -> Met:
        """Records that a host is there, unless another one lives by its name or its ID."""
        now = self.here(now)
        process, known = report.process, self.all(now)
        mine = next((host for host in known if host.id == process.machine), None)
        refused = conflict(process, known, is_dead=mine is not None and is_dead(mine.process))
        if not refused:
            self._write(report, now, mine)
        elif report.serves:
            self._refused[process.machine, process.boot] = refused_host(process, report.version, refused, now)
        elsewhere = {
            d for d, holder in self._duties.items() if holder != process.machine and self._lives(holder, now)
        }
        return Met(self.schema, self.all(now), refused, frozenset(elsewhere))

    def _write(self, report: Report, now: datetime, mine: Host | None) -> None:
        process = report.process
        self._forgotten.discard(process.machine)
        is_told = report.serves or mine is None or not mine.lives or mine.process.boot != process.boot
        for each in report.configurations.items() if report.serves else ():
            self._seen.setdefault(each, now)
        found = Host(
            process=process,
            version=report.version,
            schema=SCHEMA,
            serves=report.serves,
            draining=mine is not None and mine.draining,
            started_at=now,
            beat_at=now,
            silence=now - now,
            ahead=report.ahead,
            configurations={
                name: Configured(digest=digest, since=self._seen[name, digest])
                for name, digest in report.configurations.items()
                if (name, digest) in self._seen
            },
        )
        if mine is not None and not (report.serves and mine.process != process):
            found = replace(found, started_at=mine.started_at)
        if mine is not None and not is_told:
            found = replace(mine, beat_at=now, ahead=report.ahead)
        self._hosts[process.machine] = found

    def present(self) -> datetime | None:
        """What the store's own clock says, where a test gave it one."""
        return self.clock() if self.clock is not None else None

    def all(self, now: datetime) -> Sequence[Host]:
        """All that were heard of and not forgotten, by name."""
        now = self.here(now)
        found = [replace(host, silence=now - host.beat_at) for host in self._hosts.values()]
        return sorted(
            (h for h in found if h.id not in self._forgotten), key=lambda host: (host.name, host.id)
        )

    def refused(self, now: datetime) -> Sequence[Host]:
        """Daemons that were refused, as each was told last."""
        now = self.here(now)
        return [replace(host, silence=now - host.beat_at) for host in self._refused.values()]

    def leave(self, process: ProcessId, now: datetime) -> None:
        """Records that the daemon of a host came to an orderly end."""
        host = self._hosts.get(process.machine)
        if host is not None and host.process == process:
            self._hosts[process.machine] = replace(host, serves=False, beat_at=self.here(now))

    def drain(self, identity: str, *, draining: bool) -> bool:
        """Says that a host is to take no new work, or that it may again."""
        if identity not in self._hosts or identity in self._forgotten:
            return False
        self._hosts[identity] = replace(self._hosts[identity], draining=draining)
        return True

    def forget(self, identity: str) -> bool:
        """Forgets a host."""
        if identity not in self._hosts or identity in self._forgotten:
            return False
        self._forgotten.add(identity)
        return True

    def forgotten(self, identity: str) -> bool:
        """Whether a person said that a host is gone for good, and it was not heard of since."""
        return identity in self._forgotten

    def takes(self, duty: Duty, process: ProcessId, now: datetime) -> bool:
        """Whether a duty is this host's."""
        holder = self._duties.get(duty)
        if holder != process.machine and self._lives(holder, now):
            return False
        self._duties[duty] = process.machine
        return True

    def _lives(self, holder: str | None, now: datetime) -> bool:
        found = (h for h in self.all(now) if h.id == holder)
        return any(h.serves and not h.draining and h.silence <= IDLE for h in found)

    def here(self, now: datetime) -> datetime:
        """The present by the store's own clock, where it has one."""
        return self.clock() if self.clock is not None else now

    def leaves(self, organization: str, process: ProcessId) -> None:
        """Leaves the duties of an organization to other hosts."""
        for duty, holder in list(self._duties.items()):
            if duty.organization == organization and holder == process.machine:
                del self._duties[duty]
