"""The shipped unit's delegated control group, tried beside a kernel with all of cgroup v2.

`python -m tests.integration.limits_trial FOLDER` writes FOLDER/seen.json. Run by test_run_limits.py; destroys nothing
but the system it runs on.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.limits_service import FOLDER
from tests.support import service
from tests.support.service import eventually, shown

UNIT = "envmgr.service"
GROUP = Path("/sys/fs/cgroup/system.slice") / UNIT
_INSTEAD = """[Service]
Type=simple
WatchdogSec=0
RestartSec=100ms
ExecStart=
ExecStart=/usr/local/bin/envmgr
"""


def main(folder: str) -> None:
    """Starts the service, kills it with `kill -9` while its last child runs, and waits for what the next one saw."""
    service.install("/bin/true")
    program = service.PROGRAM.read_text()
    told = "from tests.integration.limits_service import main"
    service.PROGRAM.write_text(program.replace("from envmgr.cli import main", told))
    for name, text in (("trial.conf", _INSTEAD), ("cage.conf", _cage())):
        service.drop_in(UNIT, name, text)
    service.run("systemctl", "start", UNIT)
    found: dict[str, Any] = {}
    try:
        # Not only begun: what the daemon had not brought into its cage yet would end with it.
        eventually((FOLDER / "code/there").exists, "the last child runs")
        first = service.main_pid(UNIT)
        in_leaf = (GROUP / "daemon/cgroup.procs").read_text().split()
        found["is_in_leaf"] = str(first) in in_leaf
        os.kill(first, signal.SIGKILL)
        eventually((FOLDER / "adopted.json").exists, "adopted")
        found["restarts"] = shown(UNIT, "NRestarts")
        service.run("systemctl", "stop", UNIT)
        # systemd takes the folders of a unit away once they are empty, as soon as what a step left has ended.
        with suppress(AssertionError):
            eventually(lambda: not GROUP.exists(), "its groups are gone", 90)
        found["left"] = [path.name for path in GROUP.glob("*")] if GROUP.exists() else []
    finally:
        found |= {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
        found["journal"] = service.journal()[-4000:]
        Path(folder, "seen.json").write_text(json.dumps(found))


def _cage() -> str:
    return (service.ROOT / f"systemd/{UNIT}.d/cage.conf.example").read_text()


if __name__ == "__main__":
    main(*sys.argv[1:])
