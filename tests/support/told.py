"""A forge in memory that is told of a world's environments, as the daemon does it, in this thread."""

from dataclasses import replace

from envmgr.domain.values.forge import ForgeRules
from envmgr.domain.values.forge.report import CommitStatus, ReportState
from envmgr.engine.context.services import Services
from envmgr.engine.forge.delivery import Delivery
from envmgr.engine.forge.saying import work_out
from tests.support.in_memory.rules import SHOP
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge

PAGE = "https://envmgr.example.com"


class ToldForge:
    """The shop's forge, and what tells it."""

    def __init__(
        self, world: World, forge: MemoryForge | None = None, rules: ForgeRules | None = None
    ) -> None:
        self.world, self.forge, self.rules = world, forge or MemoryForge(), rules or ForgeRules()
        self.delivery = Delivery()

    @property
    def services(self) -> Services:
        """The daemon's, with the forge."""
        services = self.world.daemon.application.services
        shop = services.repositories[SHOP].everywhere(
            lambda each: replace(each, forge=self.forge, forge_rules=self.rules)
        )
        return replace(services, repositories={SHOP: shop})

    def tell(self, *, anew: bool = False) -> None:
        """What is new is worked out, and all is said that is due."""
        services = self.services
        work_out(services, services.repositories[SHOP], PAGE, anew=anew)
        for account, rows in self.delivery.due(services).items():
            self.delivery.deliver(services, account, rows, lambda: False)

    def restart(self) -> None:
        """As after a crash: what was known in memory is gone."""
        self.delivery = Delivery()

    def statuses(self, name: str) -> list[tuple[ReportState, str]]:
        """The states of an environment's statuses with the commit's first letters, as they were said."""
        return [(s.state, s.commit) for s in self.forge.statuses if s.context == f"envmgr/{name}"]

    def last(self, name: str) -> CommitStatus:
        """The last one."""
        return [s for s in self.forge.statuses if s.context == f"envmgr/{name}"][-1]
