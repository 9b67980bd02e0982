"""The company's page, served in this process on a free port of loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.commands import tokens
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.daemon.request_watch import RequestWatch
from envmgr.domain.values.asking.person import Role
from envmgr.web.server import Server

from . import company

_ORGANIZATION = """\
organization: acme
access:
  roles: {viewer: ["*"], developer: ["group:engineering"], approver: [carol], admin: [root]}
repositories:
  - {name: shop, url: "https://git.acme.example/shop.git", branches: ["env-*"]}
  - {name: portal, url: "https://git.acme.example/portal.git", branches: ["env-*"]}
  - {name: billing, url: "https://git.acme.example/billing.git", branches: ["env-*"]}
"""
_DAEMON = """\
server:
  listen: 127.0.0.1:0
  requests: 100000
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running page: its address, what it works with, and a token of each role."""

    url: str
    runtime: Runtime
    tokens: dict[Role, str]


@contextmanager
def served(folder: Path, daemon: str = _DAEMON, organization: str = _ORGANIZATION) -> Iterator[Served]:
    """Serves the company's records from a fresh folder, and ends that."""
    config, data = folder / "config", folder / "data"
    config.mkdir(parents=True)
    (config / "acme.yaml").write_text(organization)
    (config / "daemon.yaml").write_text(daemon)
    runtime = compose(Start(config=config, data_dir=data, actor="server", environ={"HOME": str(folder)}))
    server, over = Server(), threading.Event()
    watching = threading.Thread(target=_take_up, args=(runtime, over))
    try:
        company.fill(runtime.services.store, runtime.services.layout.root, datetime.now(UTC))
        runtime.services.fleet.serve()
        runtime.services.fleet.beat()
        made = {role: _token(runtime, role) for role in Role}
        server.reconfigure(runtime)
        watching.start()
        yield Served(f"http://{server.address}", runtime, made)
    finally:
        over.set()
        watching.join()
        server.close()
        runtime.close()


def _take_up(runtime: Runtime, over: threading.Event) -> None:
    """Does what is asked for, as the daemon does."""
    watch = RequestWatch(runtime)
    while not over.wait(0.05):
        watch.tick()
    watch.close()
    watch.wait(20)


def _token(runtime: Runtime, role: Role) -> str:
    wish = tokens.Wish(name=f"{role}-of-acme", role=role, expires=timedelta(days=90))
    return tokens.create(runtime, wish)[0]
