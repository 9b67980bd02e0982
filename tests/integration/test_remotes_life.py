"""Remotes of each kind with credentials, and what a wrong, a rotated and a missing answer do."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Status
from tests.support import warm
from tests.support.engine import MODULE, Engine, code, push
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshGit
from tests.support.waiting import stopwatch

ROOT = Path(__file__).parents[2]
MORE = MODULE + '\nresource "terraform_data" "more" {}\n'
Repositories = Callable[[str], GitRepository]


def secret(path: Path, text: str) -> dict[str, str]:
    """A reference to a file that only we may read."""
    path.write_text(text)
    path.chmod(0o600)
    return {"file": str(path)}


def life(engine: Engine, shop: GitRepository) -> None:
    """Push, change, delete."""
    push(shop, ["alice"])
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    commit = shop.commit("env-alice", code(module=MORE))
    engine.turn(seconds=30)
    assert engine.environment("alice").applied.commit == commit
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def remote(engine: Engine, repository: GitRepository, url: str, **settings: object) -> GitRepository:
    """Let the engine watch a repository by this URL."""
    repository.commit("main", {"README.md": "hello"})
    name = repository.path.stem
    engine.repositories[name] = repository
    engine.repository_settings[name] = {"url": url, **settings}
    return repository


def test_a_life_over_http_with_a_password(
    engine: Engine, git_repository: Repositories, git_server: GitServer
) -> None:
    """And the password is in nothing that is kept."""
    password = "correct-horse-42"
    git_server.protect("shop", "bot", password)
    credentials = {"username": "bot", "password": secret(engine.folder / "token", password)}
    shop = remote(engine, git_repository("shop"), git_server.http_url("shop"), credentials=credentials)

    life(engine, shop)

    kept = [path for path in engine.data.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if password.encode() in path.read_bytes()]


def test_a_life_over_ssh_with_a_key(engine: Engine, git_repository: Repositories, git_ssh: SshGit) -> None:
    """The key and the host's key come from files."""
    credentials = {
        "ssh_key": {"file": str(git_ssh.key)},
        "known_hosts": {"file": str(git_ssh.known_hosts)},
    }
    life(engine, remote(engine, git_repository("shop"), git_ssh.url("shop"), credentials=credentials))


@pytest.mark.parametrize("form", ["file://{path}", "{path}"])
def test_a_life_on_this_hosts_disk(engine: Engine, git_repository: Repositories, form: str) -> None:
    """By a file URL and by a path."""
    shop = git_repository("shop")
    life(engine, remote(engine, shop, form.format(path=shop.path)))


def test_a_wrong_password_changes_nothing_and_a_rotated_one_works_at_once(
    engine: Engine, git_repository: Repositories, git_server: GitServer
) -> None:
    """The secret's file is read again at each look: no restart, no reload."""
    git_server.protect("shop", "bot", "first")
    token = engine.folder / "token"
    credentials = {"username": "bot", "password": secret(token, "first")}
    shop = remote(engine, git_repository("shop"), git_server.http_url("shop"), credentials=credentials)
    push(shop, ["alice", "bob"])
    engine.turn()
    assert engine.statuses() == {"alice": "ready", "bob": "ready"}
    git_server.protect("shop", "bot", "second")
    shop.delete("env-bob")
    commit = shop.commit("env-alice", code(module=MORE))
    engine.calls()

    errors = engine.turn(4, hours=1)

    assert len(errors) == 1
    assert "acme/shop" in errors[0] or git_server.http_url("shop") in errors[0]
    assert "credentials" in errors[0]
    assert "first" not in errors[0]
    assert engine.statuses() == {"alice": "ready", "bob": "ready"}
    assert engine.calls() == []

    secret(token, "second\n")
    assert engine.turn(seconds=30) == []
    assert engine.environment("alice").applied.commit == commit
    assert engine.environment("bob").status is Status.WAITING


class Daemon:
    """The daemon as a process of its own on an engine's files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process: warm.Process | None = None

    def start(self) -> None:
        """Start it on what is configured now."""
        self._engine.write()
        arguments = [str(self._engine.config), str(self._engine.data), "5"]
        with self._log.open("ab") as log:
            self._process = warm.start("tests.integration.daemon_process", arguments, stdout=log, stderr=log)

    def ready(self) -> set[str]:
        """The environments that are ready."""
        with closing(open_records(self._engine.config, self._engine.data, os.environ)) as store:
            return {e.label for e in store.environments() if e.status is Status.READY}

    def wait_for(self, condition: Callable[[], bool], seconds: float = 180) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(200) == 0

    @property
    def _log(self) -> Path:
        return self._engine.folder / "daemon.log"


@pytest.fixture
def daemon(engine: Engine) -> Iterator[Daemon]:
    """A daemon that is ended with the test."""
    made = Daemon(engine)
    yield made
    made.stop()


def test_one_hanging_remote_delays_no_other(
    engine: Engine, git_repository: Repositories, git_server: GitServer, daemon: Daemon
) -> None:
    """From push to ready as fast as without it."""
    for name in ("dead", "shop", "mail"):
        remote(engine, git_repository(name), git_server.http_url(name))
    engine.settings["polling"] = {"interval": "1s"}
    git_server.fail("dead", hang=True)
    daemon.start()
    daemon.wait_for(lambda: any("dead" in request for request in git_server.requests))

    seconds = stopwatch()
    for name in ("shop", "mail"):
        push(engine.repositories[name], ["alice"])
    daemon.wait_for(lambda: daemon.ready() == {"acme/mail/alice", "acme/shop/alice"})

    assert seconds() < 20, "a listing may hang for 60 s"
