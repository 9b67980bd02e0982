"""A PostgreSQL of one's own: a fresh cluster on a loopback port, run by a user other than root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.support.processes import HOST, Server, ServerDidNotStart, dies_with_us

OWNER = "envmgr_owner"
"""Who owns the databases that tests get: a role that may log in, and nothing else, as an operator would make it."""

# Nothing here has to survive a power cut.
_PATIENCE = 120  # seconds
_FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


def find_programs() -> Path | None:
    """The folder of initdb and postgres, the newest version first; Debian keeps them off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    found = shutil.which("initdb")
    folders = [*debian, *([Path(found).resolve().parent] if found else [])]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def server_user() -> str | None:
    """Who runs the server: PostgreSQL refuses root. None means whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def running_postgres(programs: Path, **settings: str) -> Iterator[str]:
    """The address of the `postgres` database of a new cluster with some settings, gone at the end."""
    with _place() as folder:
        _initdb(programs, folder / "data", server_user())
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        with _serving(programs, folder) as server:
            url = f"postgresql://postgres@{HOST}:{server.port}/postgres"
            _execute(url, f"CREATE ROLE {OWNER} LOGIN")
            yield url


@contextmanager
def running_standby(programs: Path, first_url: str) -> Iterator[str]:
    """The address of a second server that follows the first by streaming replication, until `SELECT pg_promote()`."""
    with _place() as folder:
        options = ["-X", "stream", "-R", "--checkpoint=fast", "--no-sync"]
        argv = [str(programs / "pg_basebackup"), "-d", first_url, "-D", str(folder / "data"), *options]
        subprocess.run(dies_with_us(argv, user=server_user()), check=True, cwd="/")
        with _serving(programs, folder) as server:
            yield f"postgresql://postgres@{HOST}:{server.port}/postgres"


@contextmanager
def _place() -> Iterator[Path]:
    """A folder of the server's user; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="envmgr-postgres-", ignore_cleanup_errors=True) as name:
        if user := server_user():
            shutil.chown(name, user)
        yield Path(name)


@contextmanager
def _serving(programs: Path, folder: Path) -> Iterator[Server]:
    """A server on the data of a folder, once it lets people in."""
    data = folder / "data"
    server = Server.start(
        lambda port: _command(programs, data, folder, port), folder / "log", user=server_user()
    )
    try:
        _wait_until_ready(programs, server)
        yield server
    finally:
        server.stop(signal.SIGINT)  # PostgreSQL's fast shutdown


def make_database(postgres_url: str, name: str) -> str:
    """Makes an empty database of `OWNER`; gives its address for that role."""
    _execute(postgres_url, f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")
    parts = urlsplit(postgres_url)
    return urlunsplit(parts._replace(netloc=f"{OWNER}@{HOST}:{parts.port}", path=f"/{name}"))


def drop_database(postgres_url: str, name: str) -> None:
    """Drops a database, whoever is connected to it."""
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _initdb(programs: Path, data: Path, user: str | None) -> None:
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    argv = [str(programs / "initdb"), "-D", str(data), *options]
    subprocess.run(dies_with_us(argv, user=user), check=True, stdout=subprocess.DEVNULL, cwd="/")


def _command(programs: Path, data: Path, folder: Path, port: int) -> list[str]:
    return [
        str(programs / "postgres"),
        "-D",
        str(data),
        "-h",
        HOST,
        "-k",
        str(folder),
        "-p",
        str(port),
        *_FAST,
    ]


def _wait_until_ready(programs: Path, server: Server) -> None:
    """PostgreSQL listens before it lets anybody in."""
    deadline = time.monotonic() + _PATIENCE
    question = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(server.port)]
    while subprocess.run(question, check=False).returncode:
        if time.monotonic() > deadline:
            raise ServerDidNotStart(f"PostgreSQL let nobody in for {_PATIENCE} s: {server.printed()}")
        time.sleep(0.02)
