"""What of its own user envmgr cannot look at, for real: in a user namespace of its own, and behind `hidepid`.

Each start of the shipped service is in a user namespace of its own, so what an earlier one left is such a process.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import envmgr
from envmgr.ports import RUN_MARK

_LOG = f"/logs/{os.getpid()}.log"
_USER = 40000 + os.getpid() % 20000  # one for each of the processes that tests run in
_AS_USER = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups")
_OTHERS = (*_AS_USER, "unshare", "--user", "--map-current-user")
_HIDING = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount -t proc -o hidepid=invisible proc /proc && exec "$@"',
    "sh",
)
_LOOK = """
import ctypes, json, os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from envmgr.adapters.processes import Processes
from envmgr.commands import doctor
from envmgr.domain.errors import EnvmgrError
from envmgr.host.children.hidden import hidepid, unseen
from envmgr.host.children.leftovers import caged_by
user = int(sys.argv[2])  # another one from here on, in a user namespace of its own; imports need root's files
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
if len(sys.argv) > 4:
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
def told(ask):
    try:
        return str(ask())
    except EnvmgrError as error:
        return type(error).__name__
def child(began):
    return told(lambda: Processes().child_of(Path(sys.argv[1]), datetime.now(UTC) + began))
with caged_by(int(sys.argv[3])) as handles:
    for each in handles:
        signal.pidfd_send_signal(each, signal.SIGKILL)
print(json.dumps({
    "killed": len(handles),
    "hidepid": hidepid(), "unseen": unseen(), "child": child(-timedelta(minutes=5)),
    "later": child(timedelta(minutes=5)), "sleeps": told(lambda: Processes().strangers(["sleep"], datetime.now(UTC))),
    "doctor": told(doctor._processes),
}))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount /proc")


@pytest.fixture
def left() -> Iterator[int]:
    """A process that an earlier start of the service left, with the mark of its run."""
    environment = {"PATH": os.environ["PATH"], RUN_MARK: _LOG}
    with subprocess.Popen([*_OTHERS, "sleep", "60"], env=environment, start_new_session=True) as process:
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)
        yield process.pid
        process.kill()


def look(*through: str, own_users: bool = False, session: int = 0) -> dict[str, object]:
    """What envmgr sees that is started through these programs."""
    environment = {**os.environ, "PYTHONPATH": str(Path(envmgr.__file__).parent.parent)}
    who = [str(_USER), str(session), *["own"] * own_users]
    command: Sequence[str] = [*through, sys.executable, "-c", _LOOK, _LOG, *who]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_what_runs_in_another_user_namespace_is_not_taken_for_ended(left: int) -> None:
    """Its mark cannot be read. A run that began after it has not started it."""
    found = look(own_users=True)
    assert (found["hidepid"], found["unseen"]) == ("", left)
    assert (found["child"], found["later"]) == ("RetryLater", "None")
    assert found["sleeps"] == "True"
    assert found["doctor"] == "NeedsPerson"


def test_who_may_look_finds_it_by_its_mark(left: int) -> None:
    """As the user who made that namespace."""
    found = look()
    assert found["unseen"] is None
    assert f"process {left} on" in str(found["child"])
    assert found["doctor"] == "all that runs as this user can be seen"


def test_what_is_not_shown_at_all_is_not_taken_for_ended(left: int) -> None:
    """As under `ProtectProc=invisible` with `PrivateUsers=yes`: asked for by all numbers that there are."""
    found = look(*_HIDING, own_users=True)
    assert (found["hidepid"], found["unseen"]) == ("hidepid=invisible", left)
    assert (found["child"], found["later"], found["sleeps"]) == ("RetryLater", "RetryLater", "True")
    assert found["doctor"] == "NeedsPerson"


def test_what_an_earlier_start_left_in_a_cage_can_be_stopped() -> None:
    """Though its namespaces cannot be looked into: only what is in a cage heeds the signals that are meant for it."""
    command = [*_OTHERS, "--pid", "--fork", "sleep", "60"]
    with subprocess.Popen(command, start_new_session=True) as front:
        children = Path(f"/proc/{front.pid}/task/{front.pid}/children")
        while not (caged := children.read_text().split()):
            time.sleep(0.01)
        assert look(own_users=True, session=front.pid)["killed"] == 1
        assert front.wait(100) != 0
        assert not Path(f"/proc/{caged[0]}").exists()


def test_hidepid_alone_hides_nothing_that_is_ours(left: int) -> None:
    found = look(*_HIDING)
    assert (found["hidepid"], found["unseen"]) == ("hidepid=invisible", None)
    assert f"process {left} on" in str(found["child"])
    assert found["doctor"] == "all that runs as this user can be seen (hidepid=invisible)"
