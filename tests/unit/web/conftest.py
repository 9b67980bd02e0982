"""A whole envmgr in memory, and people who come to it over the network."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from envmgr.commands import tokens
from envmgr.commands.runtime import Runtime
from envmgr.commands.tokens import Wish
from envmgr.config.settings import ServerSettings
from envmgr.daemon.request_watch import RequestWatch
from envmgr.domain.rules.access.roles import Rules
from envmgr.domain.values.asking.person import Role
from envmgr.web.app import create_app
from tests.support.in_memory.rules import Rules as Wanted
from tests.support.in_memory.world import World

ALICE = "/api/v1/environments/acme/shop/alice"


@dataclass
class Site:
    """The world, its API, and tokens by role."""

    world: World
    access: dict[str, Rules] = field(default_factory=dict)
    app: Any = None
    client: TestClient = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = create_app(self.runtime(self.world.person.application))
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def runtime(self, of: Runtime) -> Runtime:
        """A process's runtime, as its settings make it where something listens."""
        return replace(of, server=ServerSettings(), access=self.access)

    def token(self, role: Role, organization: str | None = "acme", repository: str | None = None) -> str:
        """The secret of a token with a role; made where there is none."""
        name = f"{role}.{organization}.{repository}"
        if name not in self.tokens:
            wish = Wish(name=name, role=role, organization=organization, repository=repository)
            self.tokens[name], _ = tokens.create(self.world.person.application, wish)
        return self.tokens[name]

    def asks(
        self, method: str, path: str, role: Role = Role.ADMIN, body: object = None, key: str | None = None
    ) -> Any:
        """A request by a token with a role in acme."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        authorization = {"Authorization": f"Bearer {self.token(role)}"}
        path = path if path.startswith("/api") else f"/api/v1{path}"
        return self.client.request(method, path, json=body, headers={**authorization, **headers})

    def works(self, daemon: Runtime | None = None) -> None:
        """The daemon takes up what waits, and does it."""
        watch = RequestWatch(self.runtime(daemon or self.world.daemon.application))
        watch.tick()
        assert watch.wait(20)
        watch.close()


def made(folder: Path, rules: Wanted | None = None) -> Site:
    """With one environment, alice, that is ready, or as far as it comes by itself."""
    world = World(folder, rules)
    world.push("alice")
    world.turn(2)
    return Site(world)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One for a test alone."""
    return made(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One for all tests of a module that change nothing in it, or nothing that another looks at."""
    return made(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def asked(site: Site) -> Callable[..., dict[str, Any]]:
    """Asks for something and lets the daemon do it; what became of it."""

    def ask(verb: str, body: object = None, role: Role = Role.ADMIN) -> dict[str, Any]:
        written = site.asks("POST", f"{ALICE}/{verb}", role, body)
        assert written.status_code == 202, written.text
        site.works()
        found: dict[str, Any] = site.asks("GET", written.headers["Location"]).json()
        return found

    return ask
