"""`envmgr serve`."""

import signal
from queue import Empty, SimpleQueue

import structlog

from envmgr.cli.command import pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.logging import Scrubber, log_for_daemon
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.config.settings_file import read_settings
from envmgr.domain.errors import EnvmgrError, NeedsPerson

_AGAIN = 30  # seconds until what could not be served is tried again


@verb("serve", example="envmgr --config /etc/envmgr serve")
@pass_invocation
def serve_command(invocation: Invocation) -> None:
    """Serve page and API without the daemon's work, until SIGTERM or Ctrl-C.

    What is asked for there is done by the daemon, which may run elsewhere on the same database. `server:` in daemon.yaml
    says where it listens. SIGHUP reads the files again.
    """
    from envmgr.web.server import Server

    scrubber = log_for_daemon(invocation, read_settings(invocation.config).log_level)
    start = Start(
        config=invocation.config, data_dir=invocation.data_dir, actor="server", environ=invocation.environ
    )
    received: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda found, _: received.put(found))
    runtime, server = _composed(start, scrubber, None), Server()
    try:
        server.reconfigure(runtime)
        while (found := _next(received)) in (None, signal.SIGHUP):
            runtime = _again(start, scrubber, runtime) if found else runtime
            server.reconfigure(runtime)
    finally:
        server.close()
        runtime.close()


def _next(received: "SimpleQueue[int]") -> int | None:
    """The next signal; None after a while without any. Python may not see one that comes just before it waits."""
    for _ in range(_AGAIN):
        try:
            return received.get(timeout=1)
        except Empty:
            continue
    return None


def _composed(start: Start, scrubber: Scrubber, before: Runtime | None) -> Runtime:
    runtime = compose(start, before)
    scrubber.refresh()
    if runtime.server is None:
        raise NeedsPerson(
            "Nothing says where to listen: give `server: {listen: 127.0.0.1:8420}` in daemon.yaml beside the organization files."
        )
    for warning in runtime.services.warnings:
        structlog.get_logger().warning(warning, action="configuration")
    return runtime


def _again(start: Start, scrubber: Scrubber, before: Runtime) -> Runtime:
    try:
        return _composed(start, scrubber, before)
    except EnvmgrError as error:
        structlog.get_logger().error(
            f"Configuration not reloaded, the old one stays: {error}", action="reload-refused"
        )
        return before
