"""The parts, put together: what a verb or the daemon works with."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from envmgr.commands.forge.webhooks import Bell, Hook
from envmgr.commands.notices.target import Target
from envmgr.config.settings import ServerSettings, Settings
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.access.roles import Rules
from envmgr.domain.values.asking.person import Person, on_host
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.workers import Workers

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Runtime:
    """Services and what acts on them. `stopping`, once set, ends running Terraform.

    `person` is who asks: unless it says otherwise, somebody at the command line of this host. `access` are the rules of
    each organization, and `server` how page and API are served, None where they are not.
    `settings` are those by which this process works: of some those of its start.
    `hooks` are the repositories of which webhooks are taken, and `bell` rings where one left a hint, or somebody asked for something; `targets` are told of what happens.
    """

    services: Services
    poller: Poller
    workers: Workers
    stopping: threading.Event
    poll_workers: int = 8
    person: Person = field(default_factory=lambda: on_host("host"))
    access: Mapping[str, Rules] = field(default_factory=dict)
    server: ServerSettings | None = None
    settings: Settings = field(default_factory=Settings)
    hooks: Sequence[Hook] = ()
    targets: Sequence[Target] = ()
    bell: Bell = field(default_factory=Bell)

    def asked_by(self, person: Person) -> "Runtime":
        """The same for somebody else: what she may not do is refused, what she does is told as hers."""
        return replace(self, person=person, services=replace(self.services, actor=str(person.asker)))

    def stop_terraform(self) -> None:
        """Asks running Terraform to end, as the first Ctrl-C does."""
        self.stopping.set()

    def close(self) -> None:
        """Ends threads and closes the store."""
        self.workers.close()
        try:
            self.workers.leave()
        except EnvmgrError as error:  # the others find that this host is silent
            log.warning(str(error), action="not-told")
        self.services.leases.close()
        self.services.store.close()
