"""Processes of envmgr forked from a server that has imported everything, as the many that tests need.

A Python that starts and imports envmgr takes a second of a core before it does anything, a fork some hundredths.
That every verb also starts as a shell starts it is proven by `tests/acceptance/test_program.py`.

python -m tests.support.warm LISTENER
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from runpy import run_module
from typing import IO, Any

_ROOT = Path(__file__).parents[2]
# What envmgr imports where it is first used.
_LATE = (
    "alembic.command",
    "azure.mgmt.resource.resources",
    "azure.storage.blob",
    "boto3",
    "psycopg",
    "rich.live",
)
_ORDER = 1 << 20  # bytes at most: arguments and an environment
_FIXED = ("LANG", "LANGUAGE", "LC_", "PYTHON")
"""What Python reads of its environment when it starts: who needs another of these needs a Python of its own."""


class Process:
    """A forked process, waited for and killed like one of `subprocess`."""

    def __init__(self, connection: socket.socket, arguments: Sequence[str]) -> None:
        """Over a connection to who forked it."""
        self._connection = connection
        self.args = list(arguments)
        self.pid = int(connection.recv(32))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code (minus the signal that ended it), or None while it lives."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; TimeoutExpired where it does not in so many seconds."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(self._connection.recv(32)))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(
    module: str,
    arguments: Sequence[str],
    *,
    stdout: IO[Any],
    stderr: IO[Any],
    env: Mapping[str, str] | None = None,
    cwd: Path = _ROOT,
    new_session: bool = False,
) -> Process:
    """Run a module (`envmgr`, or one of the tests' own) as `python -m` does, without standard input."""
    order: dict[str, Any] = {
        "module": module,
        "arguments": [str(argument) for argument in arguments],
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd),
        "new_session": new_session,
    }
    assert _fixed(order["env"]) == _fixed(os.environ), "such a process is to be started anew"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(_server())
    with Path(os.devnull).open() as nothing:
        fds = [nothing.fileno(), stdout.fileno(), stderr.fileno()]
        socket.send_fds(connection, [json.dumps(order).encode()], fds)
    return Process(connection, [module, *order["arguments"]])


def run(
    module: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = _ROOT,
    timeout: float = 200,
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, as `subprocess.run` does; TimeoutExpired where it takes longer, and it is killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(module, arguments, stdout=out, stderr=err, env=env, cwd=cwd)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        said = [_text(file) for file in (out, err)]
    return subprocess.CompletedProcess(process.args, code, *said)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def _fixed(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_FIXED)}


@cache
def _server() -> str | bytes:
    """The address of this process's server, started when first needed; it ends with us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # an abstract address that the kernel chooses
        listener.listen(64)
        command = [sys.executable, "-m", __name__, str(listener.fileno())]
        server = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
        atexit.register(server.communicate)
        address: str | bytes = listener.getsockname()
    return address


def _serve(listener: socket.socket) -> int:
    """Forks a process for each order, until who started this server ends; in the process: what it returns."""
    _import_all()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends who started us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody has to ask how keepers end
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return _keep(connection)
        connection.close()
    return 0


def _import_all() -> None:
    import envmgr

    for found in walk_packages(envmgr.__path__, "envmgr."):
        if not found.name.endswith(".__main__") and ".migrations." not in found.name:
            import_module(found.name)
    for name in _LATE:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page


def _keep(connection: socket.socket) -> int:
    """In a child of the server: forks the process, and tells how it ended; in the process: what it returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, fds, _, _ = socket.recv_fds(connection, _ORDER, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        return _become(json.loads(text), fds)
    for fd in fds:
        os.close(fd)
    connection.send(b"%d" % pid)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        connection.send(b"%d" % status)
    os._exit(0)


def _become(order: dict[str, Any], fds: Sequence[int]) -> int:
    """Go on as the process that was asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["new_session"]:
        os.setsid()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    sys.argv[1:] = order["arguments"]
    run_module(order["module"], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
