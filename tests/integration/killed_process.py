"""One pass of envmgr as a process of its own, which kills itself (SIGKILL) at a moment of a test's choice.

python -m tests.integration.killed_process CONFIG DATA MOMENT FORWARD_SECONDS
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.engine.change import apply, destroy
from envmgr.ports import StateStore


def die(*_: object, **__: object) -> None:
    """Ends this process, which can do nothing about it."""
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(honest: Callable[..., Any]) -> Callable[..., Any]:
    """The call as it is, and death after it."""

    def call(*args: Any, **options: Any) -> None:
        honest(*args, **options)
        die()

    return call


class DiesArchiving:
    """A state store whose user dies right after a state was archived and deleted."""

    def __init__(self, honest: StateStore) -> None:
        self._honest = honest

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._honest, name)
        return then_die(found) if name == "archive" else found


def arm(application: Runtime, moment: str) -> None:
    """Puts death where the moment says."""
    organization = application.services.organizations["acme"]
    match moment:
        case "before claim":
            apply.keep = die
        case "after claim":
            apply.keep = then_die(apply.keep)
        case "during":  # the code that is applied kills its grandparent
            pass
        case "after apply":
            organization.terraform.apply = then_die(organization.terraform.apply)  # type: ignore[method-assign]
        case "after verify":
            destroy.close = die
        case "after archive":
            honest = organization.open_state
            organization.open_state = lambda *args: DiesArchiving(honest(*args))
        case "after record":
            application.services.git.let_go = die  # type: ignore[method-assign]
        case _:
            raise ValueError(moment)


def main(config: str, data: str, moment: str, forward: str) -> None:
    """One pass: look, and do all that is due."""
    offset = timedelta(seconds=float(forward))
    start = Start(
        config=Path(config),
        data_dir=Path(data),
        actor="daemon",
        environ=os.environ,
        clock=lambda: datetime.now(UTC) + offset,
    )
    application = compose(start)
    arm(application, moment)
    repositories = application.services.repositories.values()
    application.poller.poll_all(repositories, 4)
    application.workers.run_until_settled(repositories, frozenset())
    application.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
