"""Verbs that work: the whole application, and an orderly end on Ctrl-C."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from envmgr.commands.runtime import Runtime
from envmgr.composition.actor import user_actor
from envmgr.composition.compose import Start, compose
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context import by_hand
from envmgr.engine.work.job import NothingDone
from envmgr.ports import Progress

from .invocation import Invocation
from .logging import log_for_people
from .screen import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ended(SystemExit):
    """The verb ended early, and has said why: a person said no (1), or a signal came (128 + its number)."""


@dataclass(slots=True)
class Signals:
    """What Ctrl-C does: the first one asks Terraform to end, the second leaves at once, after `leaving`."""

    runtime: Runtime
    leaving: Callable[[], None]
    received: list[int] = field(default_factory=list)
    is_asking: bool = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Called in the main thread."""
        self.received.append(number)
        if self.is_asking:
            raise KeyboardInterrupt
        if len(self.received) > 1:
            say("Leaving at once; what Terraform is doing continues, and the next run picks it up.")
            sys.stderr.flush()
            self.leaving()
            # Without any of the interpreter's end, which would wait for the threads that work.
            os._exit(128 + number)
        say("Stopping: Terraform is asked to stop (a second signal leaves at once).")
        # First, so that nothing is begun while what runs is asked to end.
        self.runtime.workers.close()
        self.runtime.stop_terraform()


@contextmanager
def work(
    invocation: Invocation,
    progress: Callable[[EnvironmentId, Progress], None] = lambda *_: None,
    leaving: Callable[[], None] = lambda: None,
    actor: str = "",
) -> Iterator[Runtime]:
    """The application for a block, closed afterwards; a signal in it ends the program with 128 + its number.

    `leaving` is called where a second signal ends the program without anything being closed. Who acts is the person
    at the command line, unless `actor` names what does so by itself.
    """
    log_for_people(invocation)
    begin = start(invocation, progress)
    runtime = compose(replace(begin, actor=actor) if actor else begin)
    signals = Signals(runtime, leaving)
    before = {number: signal.signal(number, signals) for number in _SIGNALS}
    try:
        yield runtime
    except (EnvmgrError, KeyboardInterrupt) as error:
        if not signals.received and not isinstance(error, NothingDone):
            raise
        say(str(error) or "Stopped.")
        raise Ended(128 + signals.received[0] if signals.received else 1) from error
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        for unkept in by_hand.unkept(runtime.services):
            say(unkept)
        runtime.close()
    if signals.received:
        raise Ended(128 + signals.received[0])


def start(
    invocation: Invocation, progress: Callable[[EnvironmentId, Progress], None] = lambda *_: None
) -> Start:
    """What the application is composed from; a person is who acts."""
    return Start(
        config=invocation.config,
        data_dir=invocation.data_dir,
        actor=user_actor(invocation.environ),
        environ=invocation.environ,
        progress=progress,
        takes_over=invocation.takes_over,
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """While a person is asked, Ctrl-C is the answer no."""
    signals = signal.getsignal(signal.SIGINT)
    if not isinstance(signals, Signals):
        yield
        return
    signals.is_asking = True
    try:
        yield
    finally:
        signals.is_asking = False
