"""Webhooks over the network: who is let in, what comes of it, and what a flood costs."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import structlog

from envmgr.commands.forge.webhooks import Bell, Hook
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.names import RepositoryId
from envmgr.web.webhooks.body import LARGEST, READ
from tests.support.waiting import wait_for

from .conftest import Site

pytestmark = pytest.mark.slow

SHOP, SITE, SECOND = (RepositoryId("acme", name) for name in ("shop", "site", "second"))
SECRET, OTHER = "a-secret-of-webhooks", "another-secret-of-webhooks"
PUSH = json.dumps({"repository": {"full_name": "Acme/Shop"}}).encode()
PATH = "/webhooks/github/acme"


def _unreadable() -> str:
    raise NeedsPerson("The secret {file: /nowhere} cannot be read.")


HOOKS = (
    Hook(repository=SHOP, kind=ForgeKind.GITHUB, name="acme/shop", secret=lambda: SECRET),
    Hook(repository=SITE, kind=ForgeKind.GITHUB, name="acme/site", secret=lambda: SECRET),
    Hook(repository=SECOND, kind=ForgeKind.GITHUB, name="acme/shop", secret=lambda: OTHER),
    Hook(repository=SECOND, kind=ForgeKind.GITLAB, name="acme/second", secret=_unreadable),
)


class Doorbell:
    """A site that takes webhooks, and what came of them."""

    def __init__(self, site: Site) -> None:
        self.site, self.rung = site, threading.Semaphore(0)
        runtime = site.runtime(site.world.daemon.application)
        site.app.state.door.runtime = replace(runtime, hooks=HOOKS, bell=Bell(self.rung.release))
        self.hints = site.world.store.hooks.hints

    def send(self, body: Any = PUSH, secret: str = SECRET, path: str = PATH, **headers: str) -> int:
        """Somebody who knows a secret sends a webhook; the status of the answer."""
        signature = hmac.new(
            secret.encode(), body if isinstance(body, bytes) else b"", hashlib.sha256
        ).hexdigest()
        given = {"X-Hub-Signature-256": f"sha256={signature}", **headers}
        answer = self.site.client.post(path, content=body, headers=given)
        assert answer.content == b"" or answer.status_code not in (202, 401)
        return int(answer.status_code)

    def left(self) -> list[RepositoryId]:
        """What was hinted at, once it is written."""
        assert self.rung.acquire(timeout=200)
        return list(self.hints.take([SHOP, SITE, SECOND]))

    def leaves_nothing(self) -> bool:
        """Whether nothing is on its way."""
        return not self.site.app.state.hints._waiting and not self.hints.kept


@pytest.fixture
def bell(site: Site) -> Doorbell:
    """Where nothing has come yet."""
    return Doorbell(site)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged."""
    with structlog.testing.capture_logs() as found:
        yield found


def test_a_genuine_one_hints_at_its_repository(bell: Doorbell) -> None:
    """Of those with that secret; whatever it says of its content, in upper or lower case."""
    assert bell.send() == 202
    assert bell.left() == [SHOP]
    assert bell.send(secret=OTHER, **{"Content-Type": "text/plain"}) == 202
    assert bell.left() == [SECOND]


def test_what_shows_no_secret_is_refused_and_says_nothing(bell: Doorbell, logged: list[Any]) -> None:
    """And is told of once, however often it comes; no page is locked for it."""
    assert {bell.send(secret="wrong") for _ in range(200)} == {401}
    assert {bell.send(path="/webhooks/gitlab/acme") for _ in range(5)} == {401}  # whose secret cannot be read
    assert bell.leaves_nothing()
    refused = [each["event"] for each in logged if each["action"] == "webhook-refused"]
    assert len(refused) == 3
    assert not any(SECRET in each or "wrong" in each for each in refused)
    assert bell.site.client.get("/healthz").status_code == 200
    assert bell.send() == 202


@pytest.mark.parametrize(
    "path", ["/webhooks/gitea/acme", "/webhooks/github/other", "/webhooks/else/acme", "/webhooks/github/%00"]
)
def test_where_there_is_no_secret_there_is_nothing(bell: Doorbell, path: str) -> None:
    """A forge that is not there, and an organization that is none."""
    assert bell.send(path=path) == 404


def test_one_about_another_repository_is_taken_and_comes_to_nothing(bell: Doorbell) -> None:
    """A forge would give up a webhook that is refused."""
    assert bell.send(b'{"repository": {"full_name": "acme/else"}}') == 202
    assert bell.send(b'{"zen": "Keep it simple"}') == 202
    assert bell.leaves_nothing()


@pytest.mark.parametrize(
    "body", [b"payload=%7B%7D", b"\xff", PUSH + b" " * READ], ids=["form", "bytes", "large"]
)
def test_one_that_is_not_read_hints_at_all_with_its_secret(bell: Doorbell, body: bytes) -> None:
    """Too large, or in another form: something has happened."""
    assert bell.send(body) == 202
    assert bell.left() == [SHOP, SITE]


def test_a_body_has_its_bound(bell: Doorbell) -> None:
    """However it is sent; what is left of one that ends early is not remembered."""

    def pieces() -> Iterator[bytes]:
        for _ in range((LARGEST >> 20) + 1):
            yield b" " * (1 << 20)

    assert bell.send(pieces()) == 413
    assert bell.site.app.state.held.size == 0


def test_many_large_ones_at_once_are_not_kept(bell: Doorbell) -> None:
    """Where there is no room left it counts as too large."""
    bell.site.app.state.held.size = LARGEST - 10
    assert bell.send() == 202
    assert bell.left() == [SHOP, SITE]
    assert bell.site.app.state.held.size == LARGEST - 10


def test_a_flood_costs_few_writes(bell: Doorbell, logged: list[Any]) -> None:
    """Nor lines in the log; the last of it is looked at, too."""
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: bell.send(), range(1000)))
    assert set(statuses) == {202}
    wait_for(lambda: not bell.site.app.state.hints._waiting)
    assert bell.left() == [SHOP]
    assert bell.hints.writes < 200  # four a second; 1,000 take a few
    assert not logged
    assert bell.site.app.state.hints.counts["acme", "github", "taken"] == 1000


def test_records_that_are_away_lose_a_hint_and_no_more(
    bell: Doorbell, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    """Polling sees what it was about; the next one is written."""

    def away(*_: object) -> None:
        raise Transient("The database is away.")

    with monkeypatch.context() as broken:
        broken.setattr(bell.hints, "leave", away)
        assert bell.send() == 202
        wait_for(lambda: [each["action"] for each in logged] == ["store-failed"])
    assert bell.send() == 202
    assert bell.left() == [SHOP]
