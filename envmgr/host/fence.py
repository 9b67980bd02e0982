"""What a host began ends before its lease does, whatever became of the process that began it.

Other hosts take an environment over by time alone where nothing is heard of its holder. That is sound only if nothing of
the holder works there by then: a database that it cannot reach, its death, and that it was stopped make no difference. So
each child has a process beside it that outlives envmgr, sees when the lease was last renewed, and ends the child in time.
"""

import os
import threading
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.terms import TERMS, Terms

from .system import told, write_private

_OLD = 24 * 3600.0
# A clock that nobody sets, that counts sleep, and that the shell beside a child can read as well.
_UPTIME = Path("/proc/uptime")

# The fields of a process after its name: its state is the 1st, its start the 20th.
_SCRIPT = """
cd /
pid=$1 started=$2 file=$3 soft=$4 hard=$5 pause=$6
lives() {
  IFS= read -r stat < "/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$started" ]
}
while lives 2>/dev/null; do
  last=0 asked=
  read -r last asked < "$file" 2>/dev/null
  read -r now rest < /proc/uptime
  age=$(( ${now%%.*} - ${last:-0} ))
  if [ "$age" -ge "$hard" ]; then kill -s KILL -- "-$pid"
  elif [ "$age" -ge "$soft" ] && [ -z "$asked$did" ]; then did=1; kill -s INT -- "-$pid"; fi
  sleep "$pause"
done
"""


class Fence:
    """Guards what this host runs: it ends with the lease under which it was begun."""

    def __init__(self, folder: Path, terms: Terms = TERMS) -> None:
        """`folder` is where it is noted when a lease was last renewed; times are whole seconds, but for the pause.

        Who is asked twice drops everything: the process beside a child asks later, where envmgr itself has not.
        """
        self._folder = folder
        self._soft = terms.soft.total_seconds()
        asks, ends = int((terms.soft + terms.later).total_seconds()), int(terms.hard.total_seconds())
        self._times = (str(asks), str(ends), str(terms.pause.total_seconds()))
        self._renewed: dict[str, float] = {}
        self._asked: set[str] = set()
        self._beside: list[int] = []
        # Of two threads that look at the same one the second might await a new child that has its number by then.
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since this host was started, also those in which it slept."""
        return float(_UPTIME.read_text().split()[0])

    def renewed(self, name: str, at: float) -> None:
        """Notes that a lease was renewed by a request that began at this time."""
        with self._lock:
            self._beside = [each for each in self._beside if _lives(each)]
        self._renewed[name] = at
        self._asked.discard(name)
        self._write(name, f"{int(at)}\n")

    def must_end(self, name: str) -> bool:
        """Whether a lease was not renewed for so long that what runs under it has to be asked to end."""
        at = self._renewed.get(name)
        if at is None or self.now() - at < self._soft:
            return False
        if name not in self._asked:
            self._asked.add(name)
            self._write(name, f"{int(at)} asked\n")
        return True

    def given_back(self, name: str) -> None:
        """Forgets a lease. Its note stays: what an envmgr that died left running may need it until that is found."""
        self._renewed.pop(name, None)

    def prune(self) -> None:
        """Deletes notes that are too old to keep anything from its end."""
        for file in self._folder.glob("*"):
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _OLD:
                    file.unlink()

    def guard(self, name: str, child: ProcessId) -> None:
        """Has a process beside a child that leads a process group. Raises Transient where that cannot be started."""
        arguments = (str(child.pid), str(child.started), str(self._file(name)), *self._times)
        argv = ["/bin/sh", "-c", _SCRIPT, "envmgr-fence", *arguments]
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        try:
            # It outlives us, and is awaited only if it ends before: no object of ours stands for it.
            beside = os.posix_spawn(
                argv[0], argv, {"PATH": "/usr/bin:/bin"}, file_actions=nothing, setsid=True
            )
        except OSError as error:
            raise told(error, "What ends a run in time cannot be started", Path(argv[0])) from error
        with self._lock:
            self._beside.append(beside)

    def _write(self, name: str, text: str) -> None:
        write_private(self._file(name), text, "When a lease was last renewed cannot be noted")

    def _file(self, name: str) -> Path:
        return self._folder / sha256(name.encode()).hexdigest()[:16]


def _lives(child: int) -> bool:
    """Whether a child of ours has not ended; one that has is awaited by that."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False
