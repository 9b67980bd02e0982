"""One host: name, boot, processes, network and data folder of its own, in namespaces."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chaos.hosts.network import Cable

WITNESS = b"WITNESS="
_PROC = Path("/proc")
# The first process of a host adopts whatever is left behind, as a real one does.
_INIT = """
hostname "$1"
mount --bind "$2/boot-id" /proc/sys/kernel/random/boot_id
test ! -e /etc/machine-id || mount --bind "$2/machine-id" /etc/machine-id
echo up
while :; do sleep 3600 & wait $!; done
"""


class Machine:
    """Host number `number`, which has its things below `folder` and works by the files in `config`."""

    def __init__(self, number: int, folder: Path, config: Path, environ: Mapping[str, str]) -> None:
        """Not switched on yet."""
        self.number = number
        self.name = f"host-{number}"
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.restarts = 0
        self.is_drained = False
        self._long = threading.Lock()
        self._config, self._environ = config, dict(environ)
        self._shell: subprocess.Popen[str] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._init = self._begin = 0
        self.cable: Cable | None = None
        folder.mkdir(parents=True)

    def install(self, package: Path) -> None:
        """A release of envmgr of its own, in the place of the former one."""
        place = self.folder / "lib"
        shutil.rmtree(place / package.name, ignore_errors=True)
        shutil.copytree(package, place / package.name)
        self._environ |= {"PYTHONPATH": str(place), "PYTHONSAFEPATH": "1"}

    @property
    def is_on(self) -> bool:
        """Whether it was switched on, and not off since."""
        return self._shell is not None

    @property
    def is_serving(self) -> bool:
        """Whether its daemon was started, and neither killed since nor its host."""
        return self._daemon is not None

    def switch_on(self) -> None:
        """Boots it, and starts its daemon."""
        (self.folder / "boot-id").write_text(f"{uuid.uuid4()}\n")
        machine = self.folder / "machine-id"
        if not machine.exists():
            machine.write_text(f"{uuid.uuid4().hex}\n")
        isolated = ["unshare", "-n", "-u", "-p", "-m", "--fork", "--mount-proc", "--kill-child=KILL"]
        command = [*isolated, "bash", "-c", _INIT, "init", self.name, str(self.folder)]
        self._shell = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        assert self._shell.stdout is not None
        with self._shell.stdout as said:
            if said.readline() != "up\n":
                raise RuntimeError(f"{self.name} does not come up")
        [self._init] = _children(self._shell.pid)
        self.cable = Cable(self.number, self._init)
        self.start_daemon()

    def start_daemon(self) -> None:
        """As systemd would."""
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._daemon = subprocess.Popen(
                self._inside("daemon"),
                stdout=output,
                stderr=output,
                env=self._environ,
                start_new_session=True,
            )

    def await_work(self, end: threading.Event, seconds: float = 60) -> None:
        """Until its daemon works, as its log says; no longer than so many seconds, or until the end."""
        deadline = time.monotonic() + seconds
        while not end.is_set() and time.monotonic() < deadline:
            self.tend()
            if b"started" in self.log.read_bytes()[self._begin :]:
                return
            end.wait(0.2)

    def tend(self) -> None:
        """Starts the daemon again where it has ended by itself."""
        if self._daemon is None:
            return
        _signal(self._daemon.pid, signal.SIGCONT)  # where it was stopped with what it has started
        if self._daemon.poll() is not None:
            self.restarts += 1
            self.start_daemon()

    def run(self, *arguments: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """A verb that somebody types there."""
        return subprocess.run(
            self._inside(*arguments),
            capture_output=True,
            text=True,
            env=self._environ,
            timeout=seconds,
            check=False,
        )

    def kill_daemon(self) -> None:
        """SIGKILL for the daemon alone; what it started lives on."""
        if self._daemon is not None:
            self.signal_daemon(signal.SIGKILL)
            self._see_it_end()
        self._daemon = None

    def signal_daemon(self, number: signal.Signals) -> None:
        """As systemd or a person does."""
        if self._daemon is not None:
            for pid in _children(self._daemon.pid):
                _signal(pid, number)

    def await_end(self, seconds: float = 60) -> int | None:
        """With what the daemon has ended; None where it does not."""
        with suppress(subprocess.TimeoutExpired):
            return self._daemon.wait(seconds) if self._daemon is not None else None
        return None

    def stop_daemon(self) -> int | None:
        """SIGTERM, and with what it ended."""
        self.signal_daemon(signal.SIGTERM)
        return self.await_end()

    def power_off(self) -> frozenset[str]:
        """Everything dies at once; gives the witnesses of the Terraforms that did."""
        for pid in self.pids():  # so that nothing ends between the look and the kill
            _signal(pid, signal.SIGSTOP)
        killed = frozenset(filter(None, map(_witness, self.pids())))
        _signal(self._init, signal.SIGKILL)
        self._see_it_end()  # the host is not gone before that has taken notice
        if self._shell is not None:
            self._shell.wait()
        self._shell = self._daemon = None
        return killed

    def wipe(self) -> None:
        """Its disk is gone; what comes up next is a new host of that name."""
        shutil.rmtree(self.data, ignore_errors=True)
        (self.folder / "machine-id").unlink()

    def freeze(self) -> None:
        """Stops all that runs there."""
        for pid in self.pids():
            _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        for pid in self.pids():
            _signal(pid, signal.SIGCONT)

    def _see_it_end(self) -> None:
        """`nsenter` stops itself with what it has started, a moment later."""
        while self._daemon is not None and self._daemon.poll() is None:
            _signal(self._daemon.pid, signal.SIGCONT)
            time.sleep(0.05)

    @contextmanager
    def struck(self, is_long: bool, end: threading.Event) -> Iterator[None]:
        """Something strikes it: by itself where it is long, and not before a long one is over, or the end has come."""
        if is_long:
            with self._long:
                yield
            return
        while self._long.locked() and not end.is_set():
            end.wait(0.2)
        yield

    def drain(self, identity: str, *, draining: bool) -> None:
        """As a person does it there; `is_drained` says what is still to be taken back, as the database could not be told."""
        self.is_drained = True
        with suppress(subprocess.TimeoutExpired):
            done = self.run("hosts", "drain", identity, *([] if draining else ["--off"]))
            self.is_drained = draining or (done.returncode != 0 and "not drained" not in done.stderr)

    def pids(self) -> list[int]:
        """All its processes but the first."""
        own = _namespace(self._init)
        return [pid for pid in _all() if pid != self._init and own and _namespace(pid) == own]

    def _inside(self, *arguments: str) -> list[str]:
        places = ["--config", str(self._config), "--data-dir", str(self.data)]
        enter = ["nsenter", "-t", str(self._init), "-n", "-u", "-p", "-m"]
        return [*enter, sys.executable, "-m", "envmgr", *places, *arguments]


def _all() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _namespace(pid: int) -> str:
    with suppress(OSError):
        return str((_PROC / str(pid) / "ns/pid").readlink())
    return ""


def _witness(pid: int) -> str:
    with suppress(OSError):
        for each in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            if each.startswith(WITNESS):
                return each.removeprefix(WITNESS).decode()
    return ""


def _children(pid: int) -> list[int]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with suppress(OSError):
            found = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
            if found:
                return [int(each) for each in found]
        if not (_PROC / str(pid)).exists():
            break
        time.sleep(0.02)
    return []


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
