"""`envmgr@acme.service` as shipped, beside a kernel with all of cgroup v2: its real daemon, Terraform in real cages.

`python -m tests.integration.instance_trial FOLDER TERRAFORM` writes FOLDER/seen.json. Run by instance_run.py; destroys
nothing but the system it runs on.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support import service
from tests.support.git_repository import GitRepository
from tests.support.service import eventually, shown
from tests.support.slow_work import slow_work

_ENDS = ("deployed", "failed")
UNIT, USER = "envmgr@acme.service", "envmgr-acme"
DATA, CONFIG = Path("/var/lib/envmgr/acme"), Path("/etc/envmgr/acme.yaml")
GROUP = Path("/sys/fs/cgroup/system.slice")
APPLIES = DATA / "workspaces/acme/shop/alice/terraform/applies"
# A kernel in a process is slow, and the watchdog has a trial of its own.
_FOR_TRIAL = "[Service]\nWatchdogSec=0\nRestartSec=100ms\n"
# Several together: beside a kernel in a process a single one ends at 256 MB, for want of pieces of that process's own memory.
_EATS = "for i in 1 2 3 4 5 6; do head -c 90000000 /dev/zero | tail -n 1 | sleep 20 & done; wait; exit 1"
_FORKS = "i=0; while [ $i -lt 200 ]; do sleep 9 & i=$((i+1)); done; wait"
_TALKS = "head -c 3000000 /dev/zero"


class Instance:
    """The service, the repository that it watches, and what was seen."""

    def __init__(self, terraform: str) -> None:
        binary = service.install(terraform)
        service.run("systemd-sysusers", "--inline", f'u {USER} - "envmgr for acme" {DATA}')
        os.environ["SUDO_UID"] = service.run("id", "-u", USER)  # so git lets root push to its repository
        self.shop = GitRepository.create(Path("/srv/git/shop.git"))
        self.shop.commit("main", {"README": "shop"})
        CONFIG.parent.mkdir(exist_ok=True)
        CONFIG.write_text(
            f"organization: acme\nterraform: {{binary: {binary}}}\npolling: {{interval: 1s}}\n"
            "cage: {kind: bwrap, memory: 400MiB, processes: 120}\nlimits: {deploy: {output: 1MB}}\n"
            f"repositories:\n  - name: shop\n    url: {self.shop.path}\n"
            "    deploy: [{name: talk, run: sh talk.sh}]\n"
        )
        service.run("chown", "-R", f"{USER}:", str(self.shop.path))
        service.drop_in(UNIT, "trial.conf", _FOR_TRIAL)
        cage = service.ROOT / "systemd/envmgr.service.d/cage.conf.example"
        service.drop_in(UNIT, "cage.conf", cage.read_text())

    def push(self, number: int, work: str = "true", *, seconds: float = 0, talk: str = "true") -> str:
        """A commit whose apply does some work, and tells of its start and end."""
        code = slow_work(number, seconds, "$TF_DATA_DIR/applies").replace("sleep ", f"{work}; sleep ")
        commit = self.shop.commit("env-alice", {"terraform/main.tf": code, "talk.sh": f"{talk}\n"})
        service.run("chown", "-R", f"{USER}:", str(self.shop.path))
        return commit

    def end(self, commit: str) -> dict[str, str]:
        """How the run of a commit ended, as the log says it: to start Python for that would take all the processor."""
        found: list[dict[str, str]] = []

        def has_ended() -> bool:
            events = [json.loads(line) for line in service.journal().splitlines() if line.startswith("{")]
            begun = [number for number, each in enumerate(events) if _begins(each, commit)]
            found[:] = [each for each in events[begun[-1] :] if each["action"] in _ENDS] if begun else []
            return bool(found)

        eventually(has_ended, f"the run of {commit} has ended")
        return {"action": found[0]["action"], "event": found[0]["event"]}

    def told(self, number: int) -> list[str]:
        """What the apply of this number wrote."""
        lines = APPLIES.read_text().splitlines() if APPLIES.exists() else []
        return [line for line in lines if line.split()[1:2] == [str(number)] and not line.startswith("token")]


def _begins(event: Mapping[str, str], commit: str) -> bool:
    return event["action"] == "apply-started" and commit[:10] in event["event"]


def starts(instance: Instance) -> object:
    """With what it says that it can limit, and who it is."""
    service.run("systemctl", "start", UNIT)
    said = [line for line in service.journal().splitlines() if "limits what each run" in line]
    return {"state": shown(UNIT, "ActiveState"), "user": shown(UNIT, "User"), "said": bool(said)}


def applies(instance: Instance) -> object:
    """A harmless push becomes ready."""
    return instance.end(instance.push(1)) | {"told": instance.told(1)}


def memory(instance: Instance) -> object:
    """An apply that eats it."""
    return instance.end(instance.push(2, _EATS))


def processes(instance: Instance) -> object:
    """An apply that starts too many."""
    return instance.end(instance.push(3, _FORKS))


def output(instance: Instance) -> object:
    """A step that prints too much, after an apply that is good again."""
    return instance.end(instance.push(4, talk=_TALKS))


def killed(instance: Instance) -> object:
    """`kill -9` of the main process in the middle of an apply."""
    commit = instance.push(5, seconds=40)
    eventually(lambda: instance.told(5), "apply started")
    dead = service.main_pid(UNIT)
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: shown(UNIT, "MainPID") not in ("0", str(dead)), "restarted")
    eventually(lambda: shown(UNIT, "ActiveState") == "active", "active")
    midway = instance.told(5)
    return instance.end(commit) | {"midway": midway, "told": instance.told(5)}


def stopped(instance: Instance) -> object:
    """A stop in the middle of an apply."""
    instance.push(6, seconds=15)
    eventually(lambda: instance.told(6), "apply started")
    stopping = threading.Thread(target=service.run, args=("systemctl", "stop", UNIT))
    stopping.start()
    stopping.join(120)
    left = [path.name for path in GROUP.glob(f"*/{UNIT}/run-*")] + [
        path.name for path in GROUP.glob(f"{UNIT}/run-*")
    ]
    return {"result": shown(UNIT, "Result"), "told": instance.told(6), "left": left}


TRIALS: tuple[Callable[[Instance], object], ...] = (
    starts,
    applies,
    memory,
    processes,
    output,
    killed,
    stopped,
)


def main(folder: str, terraform: str) -> None:
    """All in turn; one that goes wrong ends it, and what was seen up to then is told."""
    seen: dict[str, object] = {}
    try:
        instance = Instance(terraform)
        for trial in TRIALS:
            began = time.monotonic()
            seen[trial.__name__] = trial(instance)
            print(f"{time.monotonic() - began:5.1f} s  {trial.__name__}", flush=True)  # noqa: T201  where a test fails
    except Exception:  # noqa: BLE001  # told outside
        logs = [f"{path}:\n{path.read_text()[-2000:]}" for path in DATA.glob("logs/**/*") if path.is_file()]
        told = [traceback.format_exc(), *logs, service.run("ps", "-eo", "pid,ppid,stat,etimes,args")]
        seen["error"] = "\n".join([*told, service.journal()[-6000:]])
    Path(folder, "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
