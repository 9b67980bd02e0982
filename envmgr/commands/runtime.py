"""The parts, put together: what a verb or the daemon works with."""

import threading
from dataclasses import dataclass

from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.workers import Workers


@dataclass(slots=True, kw_only=True)
class Runtime:
    """Services and what acts on them. `stopping`, once set, ends running Terraform."""

    services: Services
    poller: Poller
    workers: Workers
    stopping: threading.Event
    poll_workers: int = 8

    def stop_terraform(self) -> None:
        """Asks running Terraform to end, as the first Ctrl-C does."""
        self.stopping.set()

    def close(self) -> None:
        """Ends threads and closes the store."""
        self.workers.close()
        self.services.leases.close()
        self.services.store.close()
