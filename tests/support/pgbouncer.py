"""A pooler before a PostgreSQL: Debian's PgBouncer on a loopback port."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.support.postgres import OWNER, server_user
from tests.support.processes import HOST, Server


def find_program() -> str | None:
    """PgBouncer, which Debian keeps off the PATH of ordinary users."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def running_pgbouncer(program: str, server_url: str, *, mode: str, size: int) -> Iterator[int]:
    """The port of a pooler before all databases of a server; `size` connections for each of them and each user.

    `mode` is `transaction` or `session`. All that a client may ask for at its start is as Debian ships it.
    """
    with tempfile.TemporaryDirectory(prefix="envmgr-pgbouncer-", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), server_user()
        (folder / "users").write_text(f'"{OWNER}" ""\n"postgres" ""\n')
        server = Server.start(
            lambda port: [program, str(_configuration(folder, port, server_url, mode, size))],
            folder / "log",
            user=_handed_over(folder, user),
        )
        try:
            yield server.port
        finally:
            server.stop()


def through(database_url: str, port: int) -> str:
    """The address of a database by way of a pooler."""
    parts = urlsplit(database_url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{HOST}:{port}"))


def _handed_over(folder: Path, user: str | None) -> str | None:
    if user:
        shutil.chown(folder, user)
    return user


def _configuration(folder: Path, port: int, server_url: str, mode: str, size: int) -> Path:
    file = folder / f"{port}.ini"
    file.write_text(
        f"[databases]\n* = host={HOST} port={urlsplit(server_url).port}\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder / 'users'}\n"
        f"pool_mode = {mode}\ndefault_pool_size = {size}\n"
    )
    return file
