"""What forges are told: worked out where something was written, and said by a thread for each account on a forge."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.forge.telling import Telling
from envmgr.domain.values.hosts.terms import LOOK
from envmgr.domain.values.names import RepositoryId, counted
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.engine.context.written import OVERLAP, Written
from envmgr.engine.forge.delivery import Delivery
from envmgr.engine.forge.saying import work_out
from envmgr.host.system import sentences

log = structlog.get_logger()

_AT_ONCE = 16
ALL = timedelta(minutes=2)
"""How often all is worked out anew that is this host's to look after: days in texts, and what another process overtook."""
LEFT = LOOK.total_seconds()
"""Seconds between two looks at what waits where nothing new was worked out here: what others left, and what is due again."""
ONCE = 30.0
"""Seconds in which all is said that a single pass has to say."""
DRAIN = 5.0
"""Seconds for which an end waits for what is still to be said."""


class TellingWatch:
    """Has forges told of what is new; one that hangs holds up no other, and nothing else."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._delivery = Delivery()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="telling")
        self._at_work: dict[str, Future[None]] = {}
        self._services: Services | None = None
        self._heard_at = runtime.services.clock()
        self._all_at: datetime | None = None
        self._soon: dict[RepositoryId, None] = {}
        self._handed_at = -LEFT
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on; what is under way ends by the old one."""
        self._runtime = runtime

    def soon(self, repository: Repository) -> None:
        """Has what is to be said of a repository worked out with the next tick: something is known that was not."""
        self._soon[repository.id] = None

    def written(self, repositories: Collection[RepositoryId], until: datetime) -> None:
        """Hears of all that was written to the records up to a time; what is to be said of it is worked out with the next tick."""
        self._soon.update(dict.fromkeys(repositories))
        self._heard_at = until

    def tick(self) -> None:
        """Works out what is new, and has said what is due; raises what the store raises."""
        services = self._runtime.services
        if self._closing.is_set() or not any(r.forge for r in services.repositories.values()):
            return
        with self._lock:
            is_news = self._work_out(services, self._closing.is_set)
            if is_news or not 0 <= time.monotonic() - self._handed_at < LEFT:
                self._handed_at = time.monotonic()
                self._hand_out(services)

    def close(self) -> None:
        """Begins nothing more."""
        self._closing.set()

    def drain(self, seconds: float = DRAIN) -> None:
        """What is still to be said at the end is said, as far as that takes no longer than some seconds."""
        self._closing.set()
        services, over = self._runtime.services, time.monotonic() + seconds

        def is_over() -> bool:
            return time.monotonic() >= over

        try:
            with sentences(), self._lock:
                if any(r.forge for r in services.repositories.values()):
                    now = services.clock()
                    with Written(self._heard_at, OVERLAP).news(services.store, now) as news:
                        self._soon.update(dict.fromkeys(news))
                        self._work_out(services, is_over)
                    wait(list(self._at_work.values()), max(over - time.monotonic(), 0))
                    for account, rows in self._delivery.due(services).items():
                        self._delivery.deliver(services, account, rows, is_over)
        except EnvmgrError as error:
            log.error(str(error), action="store-failed")
        self._pool.shutdown(wait=False, cancel_futures=True)

    def once(self, seconds: float = ONCE) -> Sequence[str]:
        """Says by now what is to be said, where no daemon does; ends within some seconds and the time of a call.

        Forges are told at once, so that one that hangs takes no other's time. What a forge refused is not tried again.
        Gives what was left unsaid, in a sentence for each repository; raises what the store raises.
        """
        services = self._runtime.services
        forged = [each for each in services.repositories.values() if each.forge is not None]
        if not forged:
            return []
        with self._lock:
            for repository in forged:
                self._work_out_one(services, repository.id, anew=False)
            self._hand_out(services)
        wait(list(self._at_work.values()), seconds)
        self.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        left = Counter(row.target.repository for row in services.store.outbox.waiting())
        return [
            f"{each.id}: its forge could not be told {counted(left[each.id], 'thing')} yet; that is kept, and said later."
            for each in forged
            if left[each.id]
        ]

    def _work_out(self, services: Services, is_over: Callable[[], bool] = lambda: False) -> bool:
        """What is new, and every two minutes all, until it `is_over`; whether anything is to be said that was not before."""
        now, is_first = services.clock(), services is not self._services
        if is_first or self._all_at is None or not now < self._all_at + ALL <= now + ALL:
            mine = (r for r in services.repositories if is_first or services.fleet.looks_after(r))
            self._soon.update(dict.fromkeys(mine))
            self._all_at = now
        is_news = False
        # One by one: what one raises leaves the others to the next tick, and so is what comes meanwhile.
        for identity in sorted(self._soon):
            if is_over():
                return is_news
            self._soon.pop(identity, None)
            is_news = self._work_out_one(services, identity, anew=is_first) or is_news
        self._services = services
        return is_news

    def _work_out_one(self, services: Services, identity: RepositoryId, *, anew: bool) -> bool:
        repository, server = services.repositories.get(identity), self._runtime.server
        page = server.public_url if server is not None else None
        if repository is None or repository.forge is None:
            return False
        try:
            return work_out(services, repository, page or "", anew=anew)
        except EnvmgrError:
            self._soon[identity] = None
            raise
        except Exception:
            log.exception("Unexpected error", action="unexpected", repository=str(identity))
            return False

    def _hand_out(self, services: Services) -> None:
        for account, rows in self._delivery.due(services).items():
            under_way = self._at_work.get(account)
            if under_way is None or under_way.done():
                self._at_work[account] = self._pool.submit(self._deliver, services, account, rows)

    def _deliver(self, services: Services, account: str, rows: Sequence[Telling]) -> None:
        try:
            with sentences():
                self._delivery.deliver(services, account, rows, self._closing.is_set)
        except EnvmgrError as error:
            log.error(str(error), action="store-failed")
        except Exception:
            log.exception("Unexpected error", action="unexpected", account=account)
        finally:
            self._handed_at = -LEFT  # what came meanwhile need not wait
