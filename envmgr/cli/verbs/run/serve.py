"""`envmgr serve`. What it is made of is imported only once a signal no longer ends the process."""

import signal
from typing import TYPE_CHECKING

from envmgr.cli.command import pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.daemon.signals import Signals
from envmgr.domain.errors import EnvmgrError, NeedsPerson

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.commands.runtime import Runtime

_AGAIN = 30  # seconds until what could not be served is tried again


@verb("serve", example="envmgr --config /etc/envmgr serve")
@pass_invocation
def serve_command(invocation: Invocation) -> None:
    """Serve page and API without the daemon's work, until SIGTERM or Ctrl-C.

    What is asked for there is done by the daemon, which may run elsewhere on the same database. `server:` in daemon.yaml
    says where it listens. SIGHUP reads the files again.
    """
    signals = Signals()
    signals.keep(signal.SIGHUP)  # to be told to end while it starts ends it at once
    from envmgr.cli.logging import log_for_daemon
    from envmgr.composition.compose import Start
    from envmgr.config.settings_file import read_settings

    from .daemon_process import composed

    scrubber = log_for_daemon(invocation, read_settings(invocation.config).log_level)
    start = Start(
        config=invocation.config, data_dir=invocation.data_dir, actor="server", environ=invocation.environ
    )
    _serve(signals, lambda before: _listening(composed(start, scrubber, before)))


def _serve(signals: Signals, compose: "Callable[[Runtime | None], Runtime]") -> None:
    from envmgr.web.server import Server

    runtime, server = compose(None), Server()
    signals.keep(signal.SIGTERM, signal.SIGINT)
    try:
        server.reconfigure(runtime)
        while (found := _next(signals)) in (None, signal.SIGHUP):
            runtime = _again(compose, runtime) if found else runtime
            server.reconfigure(runtime)
    finally:
        server.close()
        runtime.close()


def _next(signals: Signals) -> int | None:
    """The next signal; None after a while without any."""
    return next((found for _ in range(_AGAIN) if (found := signals.next(1)) is not None), None)


def _listening(runtime: "Runtime") -> "Runtime":
    if runtime.server is None:
        raise NeedsPerson(
            "Nothing says where to listen: give `server: {listen: 127.0.0.1:8420}` in daemon.yaml beside the organization files."
        )
    return runtime


def _again(compose: "Callable[[Runtime | None], Runtime]", before: "Runtime") -> "Runtime":
    import structlog

    try:
        return compose(before)
    except EnvmgrError as error:
        structlog.get_logger().error(
            f"Configuration not reloaded, the old one stays: {error}", action="reload-refused"
        )
        return before
