"""Saying what waits in the outbox, forge by forge: one that is away is asked by a single small call at growing pauses."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from envmgr.domain.errors import EnvmgrError, NeedsPerson, NotThere, RetryLater
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.forge import CommitStatus, DeploymentReport, ForgePerson
from envmgr.domain.values.forge.telling import Delivered, Document, Telling, TellingKind
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.services import Services
from envmgr.ports.forge import Forge

from . import comments

log = structlog.get_logger()

_FIRST, _LONGEST = timedelta(seconds=5), timedelta(minutes=2)
"""Pauses of a forge that is away."""
_FIRST_OF_ROW, _LONGEST_OF_ROW = timedelta(seconds=10), timedelta(minutes=30)
"""Pauses of one row that a forge which answers does not take."""
_TAKEN = timedelta(minutes=3)
"""How long a row is one process's: longer than a few calls take."""


@dataclass(slots=True)
class _Account:
    """How a forge answers those who ask it as one: `failures` in a row, when it is asked again, and who we are there.

    `refusals` are what it was last said of that the forge refuses it: each is told of once, until it is taken again.
    """

    failures: int = 0
    again: datetime | None = None
    us: ForgePerson | None = None
    refusals: set[tuple[RepositoryId, TellingKind]] = field(default_factory=set)
    at_work: threading.Lock = field(default_factory=threading.Lock)

    def is_due(self, now: datetime) -> bool:
        """Also where the clock was set back."""
        return self.again is None or not now < self.again <= now + _LONGEST * 5


class Delivery:
    """Says what waits. What it knows of forges is in memory: after a restart each is simply asked."""

    def __init__(self) -> None:
        """Nothing is known of any forge."""
        self._accounts: dict[str, _Account] = {}
        self._lock = threading.Lock()

    def due(self, services: Services) -> Mapping[str, Sequence[Telling]]:
        """What may be said now, by the account as which its forge is asked, the oldest first; raises what the store raises."""
        now = services.clock()
        found: dict[str, list[Telling]] = {}
        for row in services.store.outbox.waiting():
            forge = _forge(services, row.target.repository)
            if forge is None or not self._account(forge.account).is_due(now):
                continue
            if _is_due(services, row, now):
                found.setdefault(forge.account, []).append(row)
        return found

    def deliver(
        self, services: Services, account: str, rows: Sequence[Telling], is_over: Callable[[], bool]
    ) -> None:
        """Says some rows of one account, in turn, until the forge is away or `is_over`; raises what the store raises."""
        known = self._account(account)
        if not known.at_work.acquire(blocking=False):
            return  # by an earlier configuration, whose work ends soon
        try:
            for row, forge in _with_forges(services, rows):
                if is_over() or not known.is_due(services.clock()):
                    return
                if known.failures and not self._answers(services, known, forge):
                    return
                self._say(services, known, forge, row)
        finally:
            known.at_work.release()

    def is_away(self, account: str) -> bool:
        """Whether a forge did not answer the last time."""
        return self._account(account).failures > 0

    def _account(self, name: str) -> _Account:
        with self._lock:
            return self._accounts.setdefault(name, _Account())

    # --- one row -----------------------------------------------------------------------------------

    def _say(self, services: Services, known: _Account, forge: Forge, row: Telling) -> None:
        outbox, now = services.store.outbox, services.clock()
        taken = outbox.take(row, services.owner, now + _TAKEN)
        if taken is None:
            return
        try:
            remote = self._said(known, forge, taken.document, taken.remote)
        except RetryLater as error:
            known.again = now + error.after
            outbox.not_told(replace(taken, error=str(error)))
        except (NeedsPerson, NotThere) as error:
            self._refused(services, known, forge, taken, error)
        except EnvmgrError as error:
            self._failed(services, known, forge, taken, error)
        except Exception as error:
            log.exception("Unexpected error", action="unexpected", target=taken.target.name)
            services.forge_tally.told(taken.target.repository, Delivered.FAILED)
            _put_off(services, taken, f"Unexpected error: {type(error).__name__}.")
        else:
            outbox.told(taken, remote)
            services.forge_tally.told(taken.target.repository, Delivered.TOLD)
            known.refusals.discard((taken.target.repository, taken.target.kind))

    def _said(self, known: _Account, forge: Forge, document: Document, remote: str) -> str:
        if isinstance(document, CommitStatus):
            forge.set_status(document)
            return ""
        if isinstance(document, DeploymentReport):
            return forge.report_deployment(document, remote)
        if known.us is None or not known.us.id:
            known.us = forge.identity().person
        return comments.keep(forge, document, remote, known.us)

    def _failed(
        self, services: Services, known: _Account, forge: Forge, taken: Telling, error: EnvmgrError
    ) -> None:
        """Either the forge is away, and so is all else; or it is this row alone that it does not take now."""
        services.forge_tally.told(taken.target.repository, Delivered.FAILED)
        if self._answers(services, known, forge):
            _put_off(services, taken, str(error))
        else:
            services.store.outbox.not_told(replace(taken, error=str(error)))

    def _refused(
        self, services: Services, known: _Account, forge: Forge, taken: Telling, error: EnvmgrError
    ) -> None:
        """Not tried again with the same text, unless it is envmgr as such whom the forge refuses: a new token mends that."""
        if not self._answers(services, known, forge):
            services.forge_tally.told(taken.target.repository, Delivered.FAILED)
            services.store.outbox.not_told(replace(taken, error=str(error)))
            return
        said = f"The forge refuses what it was to be told ({taken.target.kind} {taken.target.name}): {error}"
        services.store.outbox.not_told(replace(taken, refused=taken.digest, error=str(error)))
        services.forge_tally.told(taken.target.repository, Delivered.REFUSED)
        repository, kind = taken.target.repository, taken.target.kind
        if (repository, kind) not in known.refusals:
            known.refusals.add((repository, kind))
            services.record((repository.organization, repository.name), "not-told", said)

    # --- the forge as such -------------------------------------------------------------------------

    def _answers(self, services: Services, known: _Account, forge: Forge) -> bool:
        """Whether it answers at all: one small call, before which nothing else is asked of one that was away."""
        try:
            known.us = forge.identity().person
        except RetryLater as error:
            known.again = services.clock() + error.after
            return False
        except EnvmgrError as error:
            if not known.failures:
                log.warning(str(error), action="forge-failed", account=forge.account)
            known.failures += 1
            known.again = services.clock() + delay(known.failures, first=_FIRST, longest=_LONGEST)
            return False
        if known.failures:
            log.info("The forge answers again.", action="forge-back", account=forge.account)
        known.failures, known.again = 0, None
        return True


def _put_off(services: Services, taken: Telling, error: str) -> None:
    tries = taken.tries + 1
    pause = delay(tries, first=_FIRST_OF_ROW, longest=_LONGEST_OF_ROW)
    put_off = replace(taken, tries=tries, next_try=services.clock() + pause, error=error)
    services.store.outbox.not_told(put_off)


def _is_due(services: Services, row: Telling, now: datetime) -> bool:
    if row.next_try is not None and now < row.next_try <= now + _LONGEST_OF_ROW:
        return False
    if row.taken_until is None or not now < row.taken_until <= now + _TAKEN:
        return True
    return row.owner is not None and row.owner != services.owner and services.processes.is_dead(row.owner)


def _with_forges(services: Services, rows: Sequence[Telling]) -> Iterator[tuple[Telling, Forge]]:
    for row in rows:
        forge = _forge(services, row.target.repository)
        if forge is not None:
            yield row, forge


def _forge(services: Services, repository: RepositoryId) -> Forge | None:
    found = services.repositories.get(repository)
    return found.forge if found is not None else None
