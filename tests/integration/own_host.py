"""A daemon on a host of its own: with its own name, boot and processes."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.engine import Engine

# Its first process starts envmgr and outlives it, as what starts services on a host does.
_HOST = """
hostname "$1"
mount --bind "$2" /proc/sys/kernel/random/boot_id
shift 2
"$@" &
wait $! || true
exec sleep 600
"""


@contextmanager
def host(engine: Engine, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon on a host of its own; gives what stands for its kernel: with it all ends that runs there."""
    boot, data = engine.folder / f"boot-{name}", engine.folder / f"data-{name}"
    boot.write_text(f"{uuid.uuid4()}\n")
    daemon = [
        sys.executable,
        "-m",
        "envmgr",
        "daemon",
        "--config",
        str(engine.config),
        "--data-dir",
        str(data),
    ]
    space = ["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
    argv = [*space, "sh", "-ec", _HOST, "host", name, str(boot), *daemon]
    with (
        (engine.folder / f"log-{name}").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log, env=engine.environ, start_new_session=True) as running,
    ):
        try:
            yield running
        finally:
            running.kill()
