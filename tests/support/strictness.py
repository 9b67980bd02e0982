"""What keeps the suite honest: no skips in CI, no network in unit tests, nobody's own credentials."""

import faulthandler
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

# Settings of the person or machine that runs the tests; with them a test could reach a real cloud.
_FOREIGN = ("AWS_", "ARM_", "AZURE_", "TF_", "GIT_", "ENVMGR_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET")
_OURS = "ENVMGR_TEST_"
_NOT_RUN = ("skipped", "xfailed")


def heed_interrupts() -> None:
    """Ctrl-C means what it does on a terminal, also where a shell started us in the background with it ignored.

    What is started by tests would inherit that, and never be interrupted.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_STDERR = pytest.StashKey[int]()
_TEARDOWN = 300  # seconds


def know_stderr(config: pytest.Config) -> None:
    """Keep where to say what a worker hangs in: while a test runs, its own output is captured."""
    config.stash[_STDERR] = os.dup(2)


def limit_teardown(config: pytest.Config) -> None:
    """End this worker, saying where it is, if what follows the failure of a test hangs.

    pytest and pytest-timeout take their limits away with the failure, for whoever debugs it then.
    """
    faulthandler.dump_traceback_later(_TEARDOWN, exit=True, file=config.stash[_STDERR])


def forget_foreign_settings() -> None:
    """Take away every variable by which a test could behave otherwise here than elsewhere."""
    for key in list(os.environ):
        if key.startswith(_FOREIGN) and not key.startswith(_OURS):
            del os.environ[key]
    os.environ["CHECKPOINT_DISABLE"] = "1"  # Terraform asks nobody whether there is a newer one


def fail_on_skips(session: pytest.Session) -> None:
    """In CI a test that did not run counts as failed; pytest's summary holds the reasons."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true":  # xdist's workers have no reporter
        return
    absent = [report for kind in _NOT_RUN for report in reporter.stats.get(kind, [])]
    if absent and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def say_what_was_skipped(reporter: pytest.TerminalReporter) -> None:
    """Print, before the closing line, why CI fails although no test did."""
    absent = [report for kind in _NOT_RUN for report in reporter.stats.get(kind, [])]
    if not absent or os.environ.get("CI") != "true":
        return
    reporter.section("not run, which fails in CI", red=True)
    for report in absent:
        reporter.line(f"{report.nodeid}: {_reason(report)}")


def _reason(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return f"expected to fail: {getattr(report, 'wasxfail', '')}"


@contextmanager
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection, and fail at the end, for code may swallow the refusal."""
    tried: list[str] = []
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse(address: Any) -> NoReturn:
        tried.append(str(address))
        raise ConnectionRefusedError(f"unit tests open no connections, as to {address}")

    def guarded(original: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        return lambda self, to: original(self, to) if self.family == socket.AF_UNIX else refuse(to)

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        yield
    if tried:
        pytest.fail(
            f"A unit test opened a connection to {', '.join(tried)}: such a test belongs in tests/integration."
        )
