"""A process with all that the daemon imports: prints its resident memory (MiB) after each of ten passes."""

import importlib
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from envmgr.composition.compose import Start, compose
from tests.benchmarks.idle_pass import Passes

PASSES = 10


def resident_mib() -> float:
    """The memory of this process that is in RAM."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("this kernel does not say how much memory is resident")
    return int(found[1]) / 1024


def main(config: str, data: str) -> None:
    """Starts as the daemon does: it looks everywhere once, then passes follow."""
    importlib.import_module("envmgr.cli.verbs.run.daemon_process")  # for what it holds in memory
    environ = dict(os.environ)
    application = compose(Start(config=Path(config), data_dir=Path(data), actor="daemon", environ=environ))
    for repository in application.services.repositories.values():
        application.workers.look(repository)
    after = []
    with ThreadPoolExecutor(application.poll_workers) as threads:
        passes = Passes(application, threads)
        for _ in range(PASSES):
            passes.one()
            after.append(resident_mib())
    application.close()
    print(json.dumps(after))


if __name__ == "__main__":
    main(*sys.argv[1:])
