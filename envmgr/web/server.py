"""Serving: a thread with uvicorn in it, beside the daemon's work or alone."""

import asyncio
import errno
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from envmgr.commands.runtime import Runtime
from envmgr.config.settings import ServerSettings
from envmgr.domain.errors import EnvmgrError, NeedsOperator

from .app import create_app

log = structlog.get_logger()

_UNIX = "unix:"
_HEADERS = 15.0  # seconds for the head of a request
_TAKEN = 60.0  # seconds for somebody to take anything of what is sent to her
_CONNECTIONS = 3000
_HEAD = 64 << 10


class Server:
    """Serves while `settings` say so; what fails there is logged, tried again, and ends nothing else."""

    def __init__(self) -> None:
        """Serves nothing yet."""
        self._serving: _Serving | None = None
        self._failed = ""

    def reconfigure(self, runtime: Runtime) -> None:
        """Serves by this runtime from now on; begins, ends or moves as its settings say."""
        serving, settings = self._serving, runtime.server
        if serving is not None and serving.is_alive and serving.fits(settings):
            # The socket stays bound: nobody who is being answered notices a reload.
            serving.app.state.door.runtime = runtime
            return
        self.close()
        if settings is None:
            return
        try:
            self._serving = _Serving(runtime, settings)
        except EnvmgrError as error:
            # It is tried again with every look: once is enough to say so.
            if str(error) != self._failed:
                log.error(str(error), action="not-served")
            self._failed = str(error)
            return
        self._failed = ""
        log.info(f"Listens on {self._serving.address}.", action="listening")

    def close(self) -> None:
        """Listens no more; what is being answered has a moment to end."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.close()

    @property
    def address(self) -> str:
        """Where it listens now; empty where it does not."""
        return self._serving.address if self._serving is not None and self._serving.is_alive else ""


class _Serving:
    """One life of the server, on one socket."""

    def __init__(self, runtime: Runtime, settings: ServerSettings) -> None:
        self._settings, self._certificate = settings, _marks(settings)
        self.app = create_app(runtime)
        try:
            config = _config(self.app, settings)
            config.load()  # reads the certificate, so that what is wrong with it is said here
        except (OSError, ValueError) as error:
            raise NeedsOperator(f"server: tls cannot be used: {error}.") from error
        # The last that may fail: nothing listens yet where the certificate will not do.
        self._socket = _bound(settings)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread still serves."""
        return self._thread.is_alive()

    @property
    def address(self) -> str:
        """What the socket is bound to."""
        if self._settings.listen.startswith(_UNIX):
            return self._settings.listen
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def fits(self, settings: ServerSettings | None) -> bool:
        """Whether nothing of what it is bound to has changed, the certificate's files included."""
        return settings == self._settings and _marks(self._settings) == self._certificate

    def close(self) -> None:
        """Ends it, and waits for that as long as open answers may take."""
        # The name first: once nothing listens there, another process may take it, and that one's would go.
        if self._settings.listen.startswith(_UNIX):
            with suppress(OSError):
                Path(self._settings.listen.removeprefix(_UNIX)).unlink()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve([self._socket]))
        except Exception:
            log.exception("Unexpected error", action="unexpected")


class _Patient(H11Protocol):
    """HTTP/1.1 that does not wait for ever for the head of a request."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The first request has to come in time."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """A further one, too, once it has begun."""
        super().data_received(data)
        is_waiting = self._is_waiting
        if not is_waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif is_waiting and self._timer is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    @property
    def _is_waiting(self) -> bool:
        cycle: Any = self.cycle  # None until the first request has a head
        return cycle is None or bool(cycle.response_complete)

    def _expect(self) -> None:
        self._timer = self.loop.call_later(_HEADERS, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self._is_waiting and not self.transport.is_closing():
            self.transport.close()


def _config(app: Any, settings: ServerSettings) -> uvicorn.Config:
    certificate, key = settings.certificate or (None, None)
    return uvicorn.Config(
        app,
        http=_Patient,
        ws="none",
        lifespan="off",
        # Else uvicorn takes uvloop wherever that is installed.
        loop="asyncio",
        # Its lines go where ours go, through what scrubs secrets.
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom to believe as a proxy is for the configuration to say, not for uvicorn.
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEAD,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _marks(settings: ServerSettings) -> tuple[int, ...]:
    """When the files of a certificate were written: another one is taken up by a reload."""
    found = []
    for path in settings.certificate or ():
        with suppress(OSError):
            found.append(Path(path).stat().st_mtime_ns)
    return tuple(found)


def _bound(settings: ServerSettings) -> socket.socket:
    """A socket that listens there."""
    try:
        if settings.listen.startswith(_UNIX):
            return _unix(Path(settings.listen.removeprefix(_UNIX)), settings.socket_mode)
        host, _, port = settings.listen.rpartition(":")
        family, kind, number, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _listening(socket.socket(family, kind, number), address)
    except OSError as error:
        raise NeedsOperator(
            f"server: cannot listen on {settings.listen} ({error.strerror or error}): free it, or name another."
        ) from error


def _listening(found: socket.socket, address: Any) -> socket.socket:
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if found.family != socket.AF_UNIX:  # each connection has it of the one that listens
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(_TAKEN * 1000))
        found.bind(address)
        found.listen(1024)
    except OSError:
        found.close()
        raise
    return found


def _unix(path: Path, mode: int) -> socket.socket:
    """A socket in the file system; one that a dead process left is taken away, one that answers is not."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise NeedsOperator(f"server: {path} is there, and is no socket: take it away, or name another.")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            # Whoever has no room for one more connection, or lets us make none, listens all the same.
            if probe.connect_ex(str(path)) not in (errno.ECONNREFUSED, errno.ENOENT):
                raise NeedsOperator(f"server: another process listens on {path}: end it, or name another.")
        # A socket's name outlives its process, and nobody can bind to a name that is there.
        path.unlink()
    # No umask of its own, which would be every thread's: who may connect must be able to write, and that is nobody else.
    found = _listening(socket.socket(socket.AF_UNIX), str(path))
    path.chmod(mode)
    return found
