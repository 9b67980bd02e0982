"""`make upgrade FROM=COMMIT`: two hosts are upgraded one after the other, while a team pushes; then all is judged.

What stands in the way of that, or is not as the documents say, is told in the end; so is how long pushes waited.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from envmgr.domain.values.hosts.terms import BEAT, TAKEN_OVER
from tests.chaos.hosts.judge import breaches, lost_with_hosts, unsettled
from tests.chaos.hosts.machine import Machine
from tests.chaos.hosts.network import why_absent
from tests.chaos.hosts.releases import OURS, Release, next_one, of_commit
from tests.chaos.hosts.scene import LISTEN, Scene, laid_out
from tests.chaos.hosts.upgraded import BUSY, Case, Seen, judge, recorded
from tests.chaos.world import lines

_PUSH = (1.0, 2.0)  # seconds between two of the team's
_PASSIVE = "The database was upgraded to revision {}"
_REFUSED = "was written by a newer envmgr (revision {}"


@dataclass(slots=True)
class Upgrade:
    """From the `older` release to the `newer` one, below `folder`; each phase lasts so many `seconds`.

    `queue` is the setting of that name; `say` is told what is done.
    """

    folder: Path
    older: Release
    newer: Release
    case: Case
    queue: str
    seconds: float
    say: Callable[[str], None]
    seed: int = 1
    seen: Seen = field(default_factory=Seen)
    _phases: list[tuple[datetime, str]] = field(default_factory=list)
    _killed: frozenset[str] = frozenset()
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Seen:
        """Upgrades, lets all settle, and judges."""
        with laid_out(self.folder, 2, 6, self.queue, serves=True) as scene:
            one, two = scene.machines
            team = threading.Thread(target=self._team, args=(scene,))
            self._phase("both of the older release")
            for machine in scene.machines:
                machine.install(self.older.package)
                machine.switch_on()
            for machine in scene.machines:
                self._await_work(machine)
            team.start()
            try:
                time.sleep(self.seconds)
                self._upgrade_first(scene, one, two)
                self._upgrade_second(one, two)
                self._downgrade(scene, one, two)
            finally:
                self._end.set()
                team.join()
            self._settle(scene)
        return self.seen

    def _upgrade_first(self, scene: Scene, one: Machine, two: Machine) -> None:
        """The older host is in an apply as the newer one migrates."""
        slow = scene.stable[0]
        token = one.run("token", "create", "team", "--role", "developer", "--expires", "1d")
        (self.folder / "token").touch(0o600)
        (self.folder / "token").write_text(token.stdout)
        self._phase("the first one stopped")
        self._stop(one)
        with scene.held(slow):
            scene.push(slow)
            self._await(f"{two.name} works on {slow}", lambda: self._works(scene, slow, two), TAKEN_OVER)
            self._phase("the first one upgraded")
            one.install(self.newer.package)
            one.start_daemon()
            self._await_work(one)
            self._befalls(scene, one, two)
        wanted, done = scene.wanted[slow], ((two if self.case.goes_on else one).name, "succeeded")
        self._await(f"{slow} is applied", lambda: done in self._applies(scene, wanted), TAKEN_OVER)
        expected = [done] if self.case.goes_on else [(two.name, "interrupted"), done]
        if (applies := self._applies(scene, wanted)) != expected:
            self.seen.wrong.append(f"The applies of {slow} were to be {expected}, and were {applies}.")
        time.sleep(self.seconds)

    def _befalls(self, scene: Scene, one: Machine, two: Machine) -> None:
        match self.case:
            case Case.ENDS:
                said = _PASSIVE.format(self.newer.revision).encode()
                self._await("the older host is passive", lambda: said in two.log.read_bytes(), BEAT + BUSY)
                self._check_passive(one, two)
                return
            case Case.REPLACED:
                two.kill_daemon()
                two.install(self.newer.package)
                self._start(two)
                return
            case Case.DAEMON_KILLED:
                two.kill_daemon()
            case Case.HOST_KILLED:
                self._killed = two.power_off()
        slow = scene.stable[0]
        self._await("its work was taken over", lambda: self._works(scene, slow, one), TAKEN_OVER + BEAT)

    def _check_passive(self, one: Machine, two: Machine) -> None:
        """What one sees meanwhile, by the newer command line and by the older one."""
        found = {each["name"]: each for each in self._json(one, "hosts", "list", "--json")}
        if found.get(one.name, {}).get("status") != "working":
            self.seen.wrong.append(f"The upgraded host does not work: {found}")
        mine = found.get(two.name, {})
        if mine.get("status") != "passive" or _PASSIVE.format(self.newer.revision) not in str(mine["why"]):
            self.seen.wrong.append(f"The older host is not said to be passive: {found}")
        said = one.run("list")
        if said.returncode or f"{two.name}" not in said.stdout + said.stderr:
            self.seen.wrong.append(f"`list` does not tell of the older host: {said.stdout}{said.stderr}")
        for verb in (("list",), ("hosts",), ("suspend", "e1")):
            self._refused(two, *verb)
        self._check_server(two)
        before = two.log.read_bytes()
        two.signal_daemon(signal.SIGHUP)
        self._await(
            "the older one has said what comes of a reload",
            lambda: b"reload" in two.log.read_bytes()[len(before) :].lower(),
            BUSY,
        )
        if two.await_end(1) is not None:
            self.seen.wrong.append("The older daemon ended by a reload.")

    def _check_server(self, machine: Machine) -> None:
        """The older daemon serves those who are not on its host: it shows, and takes what the upgraded one does then."""
        token = self.folder / "token"
        for verb in (("list",), ("suspend", "e1"), ("apply", "e2", "--yes"), ("resume", "e1")):
            said = machine.run(*verb, "--server", f"http://{LISTEN}", "--token", str(token))
            if said.returncode:
                self.seen.wrong.append(
                    f"{verb} by the server of the older release: {said.returncode} {said.stdout}{said.stderr}"
                )

    def _refused(self, machine: Machine, *verb: str) -> None:
        """The older release does nothing with the newer database, and says why."""
        said = machine.run(*verb)
        if not said.returncode or _REFUSED.format(self.newer.revision) not in said.stderr:
            self.seen.wrong.append(
                f"{verb} of the older release: {said.returncode} {said.stdout}{said.stderr}"
            )

    def _upgrade_second(self, one: Machine, two: Machine) -> None:
        if self.case is not Case.REPLACED:
            self._phase("the second one stopped")
            self._stop(two)
            two.install(self.newer.package)
            self._start(two)
        self._phase("both upgraded")
        self._await("both work", lambda: self._statuses(one) == {"working"}, BEAT + BUSY)
        time.sleep(self.seconds)

    def _downgrade(self, scene: Scene, one: Machine, two: Machine) -> None:
        """Somebody starts the older release again: it is refused, and damages nothing."""
        self._phase("the second one with the older release again")
        self._stop(two)
        before = self._revision(scene)
        began = two.log.stat().st_size
        two.install(self.older.package)
        two.start_daemon()
        status = two.await_end()
        said = two.log.read_bytes()[began:].decode()
        if not status or _REFUSED.format(self.newer.revision) not in said:
            self.seen.wrong.append(f"The older release starts with the newer database: {status} {said}")
        if self._revision(scene) != before:
            self.seen.wrong.append(f"The older release made of {before} {self._revision(scene)}.")
        if (statuses := self._statuses(one)) != {"working", "stopped"}:
            self.seen.wrong.append(f"With one host stopped they are {statuses}.")
        two.install(self.newer.package)
        two.start_daemon()
        self._await_work(two)

    def _settle(self, scene: Scene) -> None:
        one, began = scene.machines[0], time.monotonic()
        listed: list[dict[str, Any]] = []
        while time.monotonic() - began < 120:
            listed = self._json(one, "list", "--all", "--json")
            if not unsettled(scene.wanted, {each["environment"]: each for each in listed}):
                break
            time.sleep(2)
        self.seen.took["all was as wanted"] = time.monotonic() - began
        for machine in scene.machines:
            self._stop(machine)
        end = scene.end(listed)
        seen = self.seen
        seen.wrong += [
            f"{kind}: {each}" for kind, said in breaches(end, self._killed).items() for each in said
        ]
        if lost := lost_with_hosts(end, self._killed):
            seen.wrong.append(f"Lost by a Terraform that made nothing yet: {sorted(lost)}")
        seen.pushes, seen.deletions = scene.pushes, scene.deletions
        with psycopg.connect(scene.database) as connection:
            judge(seen, self.case, self._phases, scene.moves, recorded(connection))

    def _team(self, scene: Scene) -> None:
        draw, slow = random.Random(self.seed), scene.stable[0]
        for name in scene.stable:
            scene.push(name)
        while not self._end.wait(draw.uniform(*_PUSH)):
            scene.move(draw, spared=slow)

    def _phase(self, name: str) -> None:
        self.say(f"{name} …")
        self._phases.append((datetime.now(UTC), name))

    def _stop(self, machine: Machine) -> None:
        began = time.monotonic()
        if machine.is_serving and (status := machine.stop_daemon()) != 0:
            self.seen.wrong.append(f"The daemon of {machine.name} was stopped, and ended with {status}.")
        self.say(f"{machine.name} has stopped after {time.monotonic() - began:.1f} s")

    def _start(self, machine: Machine) -> None:
        if machine.is_on:
            machine.start_daemon()
        else:
            machine.switch_on()
        self._await_work(machine)

    def _await_work(self, machine: Machine) -> None:
        began = time.monotonic()
        machine.await_work(self._end)
        self.say(f"{machine.name} has started after {time.monotonic() - began:.1f} s")
        if machine.restarts:
            self.seen.wrong.append(f"The daemon of {machine.name} ended by itself: {machine.log}")

    def _await(self, what: str, holds: Callable[[], bool], longest: timedelta) -> None:
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > longest.total_seconds():
                self.seen.wrong.append(f"{longest.total_seconds():.0f} s and not yet: {what}.")
                return
            time.sleep(0.2)
        self.seen.took[what] = time.monotonic() - began
        self.say(f"{what}: after {self.seen.took[what]:.1f} s")

    def _works(self, scene: Scene, name: str, machine: Machine) -> bool:
        query = (
            "SELECT 1 FROM runs WHERE name = %s AND kind = 'apply' AND status = 'running' AND owner LIKE %s"
        )
        begun = sum(
            line.startswith(f"began {name} {machine.name}.") for line in lines(scene.cloud / "history")
        )
        with psycopg.connect(scene.database) as connection:
            return bool(connection.execute(query, [name, f'["{machine.name}"%']).fetchall()) and begun > 0

    def _applies(self, scene: Scene, commit: str) -> list[tuple[str, str]]:
        """By which hosts a commit was applied, and how that ended."""
        query = "SELECT owner, status FROM runs WHERE commit = %s AND kind = 'apply' ORDER BY id"
        with psycopg.connect(scene.database) as connection:
            found = connection.execute(query, [commit]).fetchall()
        return [(str(json.loads(owner)[0]), str(status)) for owner, status in found]

    def _revision(self, scene: Scene) -> str:
        with psycopg.connect(scene.database) as connection:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchall())

    def _statuses(self, machine: Machine) -> set[str]:
        return {str(each["status"]) for each in self._json(machine, "hosts", "list", "--json")}

    def _json(self, machine: Machine, *verb: str) -> list[dict[str, Any]]:
        said = machine.run(*verb)
        try:
            found: list[dict[str, Any]] = json.loads(said.stdout)
        except json.JSONDecodeError:
            self.seen.wrong.append(f"{verb}: {said.returncode} {said.stdout}{said.stderr}")
            return []
        return found


def main(arguments: Sequence[str]) -> int:
    """Tries it; 1 where anything was not as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.hosts.upgrade", description=__doc__)
    parser.add_argument(
        "--from", dest="older", default="", help="a commit; default: to a stand-in for the next release"
    )
    parser.add_argument(
        "--case", choices=[case.name.lower() for case in Case], action="append", help="only this"
    )
    parser.add_argument("--queue", choices=("threads", "procrastinate"), default="procrastinate")
    parser.add_argument("--seconds", type=float, default=20, help="of each phase (default: 20)")
    options = parser.parse_args(arguments)
    if absent := why_absent():
        _say(absent)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="envmgr-upgrade-"))
    folder.chmod(0o755)
    older = of_commit(options.older, folder / "older") if options.older else OURS
    newer = OURS if options.older else next_one(folder / "newer")
    wrong = []
    for case in Case:
        if options.case and case.name.lower() not in options.case:
            continue
        _say(
            f"From revision {older.revision} to {newer.revision}, queue {options.queue}. The older host's apply: {case}."
        )
        place = folder / case.name.lower()
        place.mkdir()
        seen = Upgrade(place, older, newer, case, options.queue, options.seconds, _say).run()
        _say("\n".join(["", seen.table(), "", *seen.wrong]))
        wrong += seen.wrong
    if wrong:
        _say(f"What was left, with the log of each host, is in {folder}.")
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
