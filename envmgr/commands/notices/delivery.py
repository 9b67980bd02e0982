"""Telling somebody what she has not been told yet: in order, at least once, and nobody waits for her."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.notices.folding import DROPPED, Step, leading_old, steps, together
from envmgr.domain.rules.notices.wording import text, title
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Event, Status
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.domain.values.notices import Message, Notice, NoticeKind, Position
from envmgr.engine.context.services import Services
from envmgr.views import documents

from .target import Target

log = structlog.get_logger()

KEPT = timedelta(hours=24)
"""What could not be told for as long is dropped."""

HELD = timedelta(minutes=5)
"""How long one process may take for one message, before another one tells it."""

ALONE = 10
"""So many messages a minute come one by one; where there are more they come together."""

_MINUTE = timedelta(minutes=1)
_AT_ONCE = 500
_IN_ONE = 100


@dataclass(slots=True)
class Delivery:
    """Tells one target. `seen` is up to which event there was nothing for it, `sent` when it was told of late.

    `owner` is what it claims the target by.
    """

    target: Target
    seen: int = 0
    sent: deque[datetime] = field(default_factory=lambda: deque(maxlen=ALONE))
    owner: str = field(default_factory=lambda: uuid4().hex)

    def tell(self, runtime: Runtime) -> bool:
        """Tells what there is; whether there is more to tell soon. Raises what the store raises."""
        services = runtime.services
        positions, now = services.store.hooks.positions, services.clock()
        position = positions.get(self.target.key)
        if position is None:
            positions.begin(self._first(services))
            return False
        if position.retry_at is not None and now < position.retry_at:
            return True
        events, found, end = self._look(services, position, now)
        if not found and end.bad == position.bad and end.after - position.after < _AT_ONCE:
            self.seen = (
                end.after
            )  # after a restart the same events are read once more, and come to nothing again
            return False
        if found and self._room(now) < 1:
            return True
        claimed = positions.claim(self.target.key, self.owner, now, now + HELD)
        if claimed is None:
            return True
        if claimed != position:  # another process told her meanwhile
            events, found, end = self._look(services, claimed, now)
        self._deliver(runtime, claimed, found, end)
        return len(events) == _AT_ONCE

    def _first(self, services: Services) -> Position:
        last = services.store.pages.last_event()
        return Position(target=self.target.key, organization=self.target.audience.organization, after=last)

    def _look(
        self, services: Services, position: Position, now: datetime
    ) -> tuple[Sequence[Event], list[Step], Position]:
        def status_of(identity: EnvironmentId) -> Status | None:
            found = services.store.environment(identity)
            return found.status if found is not None else None

        begin = replace(position, after=max(position.after, self.seen))
        events = services.store.pages.news(begin.after, _AT_ONCE)
        return events, *steps(self.target.audience, begin, events, now, status_of)

    def _room(self, now: datetime) -> int:
        if self.target.is_machine:
            return ALONE
        return ALONE - sum(at > now - _MINUTE for at in self.sent)

    def _messages(self, found: Sequence[Step], now: datetime) -> Sequence[Sequence[Step]]:
        if self.target.is_machine:
            return [found[start : start + _IN_ONE] for start in range(0, len(found), _IN_ONE)]
        return list(together(found, self._room(now)))

    def _deliver(self, runtime: Runtime, position: Position, found: Sequence[Step], end: Position) -> None:
        """Sends all of it, and writes after each message how far that is."""
        services = runtime.services
        positions, now = services.store.hooks.positions, services.clock()
        # Only from the front: what is newer behind it must not be told before it.
        old = leading_old(found, now - KEPT)
        reached = old[-1].then if old else position
        messages = self._messages(found[len(old) :], now)
        for message in messages:
            try:
                self.target.open().send(self.message(runtime, [step.notice for step in message]))
            except EnvmgrError as error:
                reached = _worse(reached, str(error), now)
                positions.save(reached, self.owner)
                self._log(reached)
                break
            self.sent.append(now)
            reached, now = _well(message[-1].then), services.clock()
            # After each: who ends half-way tells one message twice at most.
            if not positions.save(reached, self.owner, now + HELD):
                return  # it took too long, and another process goes on
        else:
            positions.save(_well(end) if messages else end, self.owner)
        self._tell_dropped(services, [step.notice for step in old])

    def message(self, runtime: Runtime, notices: Sequence[Notice]) -> Message:
        """Some notices as they are sent."""
        public, organization = _public(runtime), self.target.audience.organization

        def link(identity: EnvironmentId) -> str:
            place = (identity.organization, identity.repository, identity.name)
            return (
                f"{public}/environments/{'/'.join(quote(part, safe='') for part in place)}" if public else ""
            )

        def row(notice: Notice) -> dict[str, object]:
            identity = notice.event.environment
            where = link(identity) if identity is not None else ""
            return {**documents.event(notice.event), "kind": notice.kind, "url": where or None}

        marks = [f"{n.kind} {n.event.id} {n.event.environment}" for n in notices]
        return Message(
            id=f"msg_{digest([self.target.key, *marks])[:32]}",
            at=runtime.services.clock(),
            title=title(notices, organization),
            text=text(notices, self.target.template, link),
            is_bad=any(notice.kind == NoticeKind.FAILED for notice in notices),
            document={"organization": organization, "events": [row(notice) for notice in notices]},
        )

    def _log(self, position: Position) -> None:
        if position.failures == 1:  # the metrics and `doctor` tell of it from then on
            log.warning(
                f"{self.target.label} could not be told what happened: {position.error} It is tried again.",
                action="not-notified",
                organization=self.target.audience.organization,
            )

    def _tell_dropped(self, services: Services, old: Sequence[Notice]) -> None:
        number = sum(notice.event.action != DROPPED for notice in old)
        if number:
            said = f"{self.target.label} was not told of {counted(number, 'event')}: for {KEPT.days} day it could not be reached."
            services.record((self.target.audience.organization, None), "notifications-dropped", said)


def _well(position: Position) -> Position:
    return replace(position, failures=0, failing_since=None, retry_at=None, error="")


def _worse(position: Position, error: str, now: datetime) -> Position:
    failures = position.failures + 1
    return replace(
        position,
        failures=failures,
        failing_since=position.failing_since or now,
        retry_at=now + delay(failures),
        error=error,
    )


def _public(runtime: Runtime) -> str:
    return (runtime.server.public_url or "") if runtime.server is not None else ""
