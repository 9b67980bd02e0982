"""Whether a Terraform is a stranger's: what a run of ours started is not, whatever it did with its environment."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.adapters.processes import Processes
from envmgr.ports import RUN_MARK

NAME = f"terraform-{os.getpid()}"


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[None]:
    """A program called so, started without any variable by a shell with these."""
    program = folder / NAME
    shutil.copy(shutil.which("sleep") or "", program)
    script = f"env -i {program} 60 & echo $!; wait"
    started = subprocess.Popen(
        ["sh", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    try:
        while Path(f"/proc/{pid}/exe").readlink().name != NAME:
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, 9)
        started.wait()
        started.stdout.close()


def found(before: timedelta = timedelta(minutes=1)) -> bool:
    """Whether it counts as a stranger's that may have taken a lock until then."""
    return Processes().strangers([NAME], datetime.now(UTC) + before)


def test_one_that_sheds_the_mark_is_still_a_child_of_our_run(tmp_path: Path) -> None:
    """In a cage, say: it held the breaking of every lock of this host up for as long as it ran."""
    with running(tmp_path, **{RUN_MARK: "/logs/7.log"}):
        assert not found()


def test_one_that_somebody_else_started_is_a_strangers(tmp_path: Path) -> None:
    with running(tmp_path):
        assert found()
        assert not found(-timedelta(hours=1)), "what was taken before it began it cannot hold"
