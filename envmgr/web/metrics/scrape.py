"""One scrape at a time."""

import threading
from collections.abc import Iterator, Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Person
from envmgr.domain.values.environment import RunStatus

from . import families, forges, reading
from .reading import Sees
from .tally import Tally

log = structlog.get_logger()


class Scrapes:
    """Answers scrapes; runs are counted from the first one on."""

    def __init__(self, webhooks: Mapping[tuple[str, str, str], int]) -> None:
        """Nothing was counted yet, but for `webhooks` as they come."""
        self._webhooks = webhooks
        self._tally = Tally()
        self._lock = threading.Lock()
        self._own = CollectorRegistry()  # not the library's own, which is one for the whole process
        for part in (ProcessCollector, PlatformCollector, GCCollector):
            part(registry=self._own)

    def answer(self, runtime: Runtime, person: Person | None, accept: str) -> tuple[bytes, str]:
        """The figures as text, and its media type; of what `person` may see, or of all.

        A database that does not answer is a figure: all that needs it is left out then.
        """
        sees = reading.sees(person)
        with self._lock:  # the tally counts once, and a slow database is not asked twice at a time
            found = [
                *families.build(),
                *self._of_records(runtime, sees),
                *families.of_webhooks(dict(self._webhooks), sees),
                *forges.of_forges(forges.forges(runtime), sees),
                *families.of_host(reading.host(runtime), sees),
                *self._own.collect(),
            ]
        encoder, media_type = choose_encoder(accept)
        return encoder(_Found(found)), media_type

    def _of_records(self, runtime: Runtime, sees: Sees) -> Sequence[Metric]:
        now, store = runtime.services.clock(), runtime.services.store
        try:
            found = reading.records(runtime, now)
            self._tally.count(store.figures, lambda: store.runs(status=RunStatus.RUNNING))
        except EnvmgrError as error:
            log.warning(f"/metrics: {error}", action="store-failed")
            return [*families.database(False)]
        return [
            *families.database(True),
            *families.of_records(found, now, sees),
            *forges.of_outbox(found.unsaid, now, sees),
            *families.of_runs(self._tally, sees),
        ]


class _Found(Collector):
    """What was collected, as the encoders take it."""

    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        return iter(self._found)
