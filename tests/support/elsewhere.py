"""An envmgr that serves, and the command line on another machine."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.host import Report
from envmgr.web.server import Server
from tests.support.command_line import Done, both, envmgr
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.unit.web.conftest import Site, made

OTHER = ProcessId("build-2", "boot of build-2", 1, 1, "id-of-build-2")
"""Who works beside this host."""


@dataclass
class Elsewhere:
    """A site that listens, and what the command line of another machine knows of it."""

    site: Site
    environ: dict[str, str]

    @property
    def world(self) -> World:
        """What is there."""
        return self.site.world

    def both(self, *words: str) -> tuple[Done, Done]:
        """The same verb on the host, and from another machine."""
        return both(self.world.person.application, self.environ, words)

    def poll(self) -> None:
        """The daemon looks at the remote."""
        application = self.world.daemon.application
        application.poller.poll(application.services.repositories[SHOP])

    def asks(self, *words: str) -> Done:
        """A verb from another machine."""
        return envmgr(*words, environ=self.environ)

    def whose(self, role: Role) -> "Elsewhere":
        """The same for somebody with a role."""
        return replace(self, environ={**self.environ, "ENVMGR_TOKEN": self.site.token(role)})


def beside(world: World) -> None:
    """Another host works by the same records."""
    world.store.hosts.beat(Report(process=OTHER, version="0.1", serves=True), world.now, lambda _: False)


@contextmanager
def serving(folder: Path, rules: Rules | None = None) -> Iterator[Elsewhere]:
    """With one environment, alice, that is ready, unless the rules keep it; on a free port of loopback."""
    with served(made(folder, rules)) as elsewhere:
        yield elsewhere


@contextmanager
def served(site: Site) -> Iterator[Elsewhere]:
    """A site that is there, on a free port of loopback."""
    with ExitStack() as closing:
        server = Server()
        runtime = site.runtime(site.world.person.application)
        server.reconfigure(replace(runtime, server=ServerSettings(listen="127.0.0.1:0")))
        closing.callback(server.close)
        environ = {"ENVMGR_SERVER": f"http://{server.address}", "ENVMGR_TOKEN": site.token(Role.ADMIN)}
        # Nothing of a host is there: neither configuration, nor data folder, nor git.
        nowhere = {"ENVMGR_CONFIG": "/nonexistent", "ENVMGR_DATA_DIR": "/nonexistent", "PATH": "/nonexistent"}
        yield Elsewhere(site, {**environ, **nowhere})
