"""A campaign over several hosts: each is struck again and again while a team pushes; then all has to end as wanted."""

import json
import random
import re
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.hosts.faults import Blow, Fault, Lane, drawn
from tests.chaos.hosts.judge import Never, breaches, for_a_person, lost_with_hosts, unsettled
from tests.chaos.hosts.machine import Machine
from tests.chaos.hosts.network import Service
from tests.chaos.hosts.scene import Scene, laid_out
from tests.chaos.hosts.takeover import Watch

_PUSH = (0.5, 3.0)  # seconds between two of the team's
_ASKED = 60.0  # seconds after which a person is asked
_LOCKED = re.compile(r" is locked by \w+@(host-\d+) since ")
SHARED = "procrastinate"
_MADE_ANEW = b"had taken and not done waits anew"
_SETTLED = 5.0  # seconds between two looks at the end


@dataclass(slots=True)
class HostTally:
    """What was counted, and the closing table."""

    queue: str = ""
    faults: Counter[Fault] = field(default_factory=Counter)
    long: Counter[Fault] = field(default_factory=Counter)
    pushes: int = 0
    deletions: int = 0
    runs: int = 0
    restarts: int = 0
    killed: set[str] = field(default_factory=set)
    lost_with_hosts: int = 0
    unlocked: int = 0
    stranded: int = 0
    doubled: int = 0
    made_anew: int = 0
    takeovers: list[float] = field(default_factory=list)
    missed: int = 0
    seconds: float = 0
    settled_after: float = 0
    found: dict[Never, list[str]] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """All that must not have been, as sentences."""
        return [f"{kind}: {each}" for kind, said in self.found.items() for each in said]

    def _of_queue(self) -> list[tuple[str, object]]:
        if self.queue != SHARED:
            return []
        return [
            ("  jobs that were left in doing by who was silent for half a minute", self.stranded),
            ("  environments that waited while a job of theirs was in doing", self.doubled),
            ("  jobs made anew by another host", self.made_anew),
        ]

    def table(self) -> str:
        """The closing table."""
        rows: list[tuple[str, object]] = [(f"faults in {self.seconds:.0f} s", self.faults.total())]
        for fault, count in sorted(self.faults.items()):
            longer = f" ({self.long[fault]} for longer than a lease)" if self.long[fault] else ""
            rows.append((f"  {fault}{longer}", count))
        rows += [
            ("pushes, deleted branches, runs", f"{self.pushes}, {self.deletions}, {self.runs}"),
            ("Terraforms killed with their host", len(self.killed)),
            ("daemons that ended by themselves, and were started again", self.restarts),
            ("queue", self.queue),
            *self._of_queue(),
            ("environments taken over from a host that was down", len(self.takeovers)),
        ]
        if self.takeovers:
            middle, most = statistics.median(self.takeovers), max(self.takeovers)
            rows.append(("  after: median, longest", f"{middle:.0f} s, {most:.0f} s"))
        rows += [
            ("  not taken over within that time", self.missed),
            ("seconds from the last fault until all was as wanted", f"{self.settled_after:.0f}"),
            ("resources lost by a Terraform that was killed itself", self.lost_with_hosts),
            ("locks of such a Terraform that a person broke, as nobody knew their ID yet", self.unlocked),
        ]
        rows += [(str(kind), len(self.found.get(kind, ()))) for kind in Never]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value!s:>12}" for name, value in rows)


@dataclass(slots=True)
class HostCampaign:
    """So many faults on so many hosts, drawn from `seed`, of `seconds` at most; `say` is told each of them.

    Each host is struck by itself, and its cable is cut beside that, whatever it is at, after so many seconds of `peace`.
    `lasting`: some last for longer than a lease, so that others take over. `patience` is how long all may take to settle.
    `queue` is the setting of that name; by default one seed in three has the shared one.
    """

    folder: Path
    seed: int
    hosts: int
    faults: int
    seconds: float
    environments: int
    say: Callable[[str], None]
    lasting: bool = True
    peace: tuple[float, float] = (1.0, 7.0)
    patience: float = 300
    queue: str = ""
    tally: HostTally = field(default_factory=HostTally)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _errors: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = self.queue or (SHARED if self.seed % 3 == 0 else "threads")
        self.tally.queue = self.queue

    def run(self) -> HostTally:
        """Strikes, then lets all settle, and judges."""
        with laid_out(self.folder, self.hosts, self.environments, self.queue) as scene:
            for machine in scene.machines:
                machine.switch_on()
            with Watch(scene.database, is_queued=self.queue == SHARED) as watch:
                self._strike(scene, watch)
                self.tally.takeovers, self.tally.missed = watch.seconds, watch.missed
                self.tally.stranded, self.tally.doubled = len(watch.stranded), len(watch.doubled)
            self._settle(scene)
        return self.tally

    def _strike(self, scene: Scene, watch: Watch) -> None:
        began = time.monotonic()
        lanes = [threading.Thread(target=self._team, args=(scene,))]
        lanes += [
            threading.Thread(target=self._strikes, args=(scene, machine, lane, watch))
            for machine in scene.machines
            for lane in Lane
        ]
        for lane in lanes:
            lane.start()
        while time.monotonic() - began < self.seconds and not self._is_enough():
            self._end.wait(0.5)
        self._end.set()
        for lane in lanes:
            lane.join()
        if self._errors:
            raise self._errors[0]
        self.tally.seconds = time.monotonic() - began
        self.tally.pushes, self.tally.deletions = scene.pushes, scene.deletions

    def _is_enough(self) -> bool:
        return self.tally.faults.total() >= self.faults or bool(self._errors)

    def _team(self, scene: Scene) -> None:
        draw = random.Random(f"{self.seed}-team")
        for name in scene.stable:
            scene.push(name)
        while not self._end.wait(draw.uniform(*_PUSH)):
            scene.move(draw)

    def _strikes(self, scene: Scene, machine: Machine, lane: Lane, watch: Watch) -> None:
        """One host's lane."""
        draw = random.Random(f"{self.seed}-{machine.number}-{lane}")
        try:
            while not self._end.is_set():
                blow = drawn(draw, lane, self.peace, lasting=self.lasting)
                if lane is Lane.HOST:
                    machine.await_work(self._end)
                self._end.wait(blow.before)
                # While one lasts so long that others take over, nothing else brings the host back.
                with machine.struck(blow.is_long, self._end):
                    if self._end.is_set() or not self._blow(scene, machine, blow, watch):
                        continue
                with self._lock:
                    self.tally.faults[blow.fault] += 1
                    self.tally.long[blow.fault] += blow.is_long
        except (OSError, RuntimeError, ValueError, subprocess.SubprocessError, psycopg.Error) as error:
            self._errors.append(error)

    def _blow(self, scene: Scene, machine: Machine, blow: Blow, watch: Watch) -> bool:
        """Strikes; False where there was nothing to strike, as a host that is off has no cable."""
        self.say(f"{machine.name}: {blow.fault}, {blow.seconds:.1f} s")
        match blow.fault:
            case Fault.NO_DATABASE | Fault.NO_STATE | Fault.NO_GIT:
                return self._cut(machine, blow, watch)
            case Fault.DAEMON:
                machine.kill_daemon()
                self._end.wait(blow.seconds)
                machine.start_daemon()
            case Fault.FROZEN:
                machine.freeze()
                self._last(machine, blow, watch, counts=True)
                machine.thaw()
            case Fault.DRAINED:
                identity = _host_of(scene.database, machine.name)
                machine.drain(identity, draining=True)
                self._end.wait(blow.seconds)
                machine.drain(identity, draining=False)
            case _:
                killed = machine.power_off()
                with self._lock:
                    self.tally.killed |= killed
                if blow.fault is Fault.WIPED:
                    machine.wipe()
                self._last(machine, blow, watch, counts=True)
                machine.switch_on()
        return True

    def _cut(self, machine: Machine, blow: Blow, watch: Watch) -> bool:
        cable, service = machine.cable, blow.fault.service
        assert cable is not None
        assert service is not None
        try:
            cable.cut(service)
        except subprocess.CalledProcessError:
            return False
        self._last(machine, blow, watch, counts=service is Service.DATABASE)
        with suppress(subprocess.CalledProcessError):  # it went with its host
            cable.mend(service)
        return True

    def _last(self, machine: Machine, blow: Blow, watch: Watch, *, counts: bool) -> None:
        """As long as a blow lasts; where others have to take over meanwhile, how long that takes is watched."""
        if counts and blow.is_long:
            self.say(f"{machine.name} holds {watch.died(machine.name)} environments")
        self._end.wait(blow.seconds)
        if counts and blow.is_long and not self._end.is_set():
            watch.returns(machine.name)

    def _settle(self, scene: Scene) -> None:
        """Waits until all is as wanted, and judges."""
        began = time.monotonic()
        listed: list[dict[str, Any]] = []
        while True:
            for machine in scene.machines:
                machine.tend()
                if machine.is_drained:
                    machine.drain(_host_of(scene.database, machine.name), draining=False)
            listed = _listed(scene.machines[0]) or listed
            left = unsettled(scene.wanted, {each["environment"]: each for each in listed})
            self.say(f"{len(left)} environments are not as wanted after {time.monotonic() - began:.0f} s")
            if time.monotonic() - began > _ASKED:
                self._unlock(scene.machines[0], listed)
            if (not left and not self._held(scene.database)) or time.monotonic() - began > self.patience:
                break
            time.sleep(_SETTLED)
        tally = self.tally
        tally.settled_after = time.monotonic() - began
        tally.restarts = sum(machine.restarts for machine in scene.machines)
        tally.runs, running = _runs(scene.database)
        for machine in scene.machines:
            machine.stop_daemon()
        end, killed = scene.end(listed), frozenset(tally.killed)
        tally.found = breaches(end, killed)
        tally.found[Never.RUNNING] = running
        tally.found[Never.LOCKED] += self._held(scene.database)
        tally.made_anew = sum(machine.log.read_bytes().count(_MADE_ANEW) for machine in scene.machines)
        tally.unlocked += len(for_a_person(end, killed))
        tally.lost_with_hosts = len(lost_with_hosts(end, killed))

    def _held(self, url: str) -> list[str]:
        """The leases that somebody has, and the jobs that are left, as sentences."""
        with psycopg.connect(url) as connection:
            leases = connection.execute("SELECT name FROM leases WHERE owner IS NOT NULL").fetchall()
            query = "SELECT queueing_lock, status FROM procrastinate_jobs"
            jobs = connection.execute(query).fetchall() if self.queue == SHARED else []
        return [f"{name} is held." for (name,) in leases] + [
            f"{name} is in {status}." for name, status in jobs
        ]

    def _unlock(self, machine: Machine, listed: list[dict[str, Any]]) -> None:
        """What the documents leave to a person: a lock of a Terraform that died with its host in the moment of taking it."""
        for each in listed:
            name, locked = each["environment"], _LOCKED.search(each["message"])
            died = {(parts[0], parts[-1]) for parts in (w.split(".") for w in self.tally.killed)}
            if locked is not None and (locked[1], name) in died:
                self.tally.unlocked += machine.run("unlock", name, "--force", "--yes").returncode == 0


def _listed(machine: Machine) -> list[dict[str, Any]]:
    """What envmgr says of all environments."""
    with suppress(subprocess.TimeoutExpired, json.JSONDecodeError):
        found: list[dict[str, Any]] = json.loads(machine.run("list", "--all", "--json").stdout)
        return found
    return []


def _host_of(url: str, name: str) -> str:
    """The ID of who has a name now: whoever had it before a disk was wiped is still known by it."""
    query = "SELECT id FROM hosts WHERE process LIKE %s ORDER BY started_at DESC LIMIT 1"
    with psycopg.connect(url) as connection:
        found = connection.execute(query, [f'["{name}"%']).fetchone()
    return str(found[0]) if found else name


def _runs(url: str) -> tuple[int, list[str]]:
    """How many there were, and those that are left running."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id, name, kind, status FROM runs").fetchall()
    return len(rows), [f"run {row[0]} ({row[2]} of {row[1]})" for row in rows if row[3] == "running"]
