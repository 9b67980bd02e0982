"""A verb as a process of its own, which kills itself (SIGKILL) before or after a call of a test's choice.

python -m tests.integration.killed_verb before|after MODULE:NAME VERB ARGUMENT…
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from envmgr.cli.program import main
from tests.support import warm
from tests.support.engine import Engine


def dies(engine: Engine, when: str, *arguments: str) -> None:
    """Run a verb on an engine's files that dies, say `after envmgr.commands.takeover:keep`."""
    moment, _, place = when.partition(" ")
    options = ["--config", str(engine.config), "--data-dir", str(engine.data)]
    command = [moment, place, *arguments, *options]
    done = warm.run("tests.integration.killed_verb", command, timeout=200)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def _dying(honest: Callable[..., Any], moment: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> None:
        if moment == "after":
            honest(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def _arm(moment: str, place: str) -> None:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *parts, name = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    setattr(owner, name, _dying(getattr(owner, name), moment))


if __name__ == "__main__":
    _arm(sys.argv[1], sys.argv[2])
    sys.exit(main(sys.argv[3:]))
