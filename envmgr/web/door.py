"""What page and API work with: the runtime of now, for whoever asks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from envmgr.commands.hosts import logs
from envmgr.commands.runtime import Runtime
from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Person
from envmgr.domain.values.environment import Event, Run
from envmgr.domain.values.names import RepositoryId

from .live.events import Events
from .live.logs import Form, Log, Logs, stream
from .live.news import Mark, News, mark
from .live.stream import Stream, Streams
from .rate import Rate


@dataclass(slots=True)
class Door:
    """The runtime by which all is answered, which a reload of the configuration replaces."""

    runtime: Runtime
    rate: Rate = field(default_factory=Rate)
    logs: Logs = field(default_factory=Logs)
    streams: Streams = field(default_factory=Streams)
    events: Events = field(init=False)
    news: News = field(init=False)

    def __post_init__(self) -> None:
        """Follows the records of whatever runtime there is by then."""
        self.events = Events(self._news, self._last)
        self.news = News(self._mark)

    def _last(self) -> int:
        return self.runtime.services.store.pages.last_event()

    def _news(self, after: int, limit: int) -> Sequence[Event]:
        return self.runtime.services.store.pages.news(after, limit)

    def _mark(self) -> Mark | None:
        return mark(self.runtime.services.store, self.now)

    def follow(self, run: Run, begin: int, form: Form) -> Stream:
        """A run's log from a place (in bytes) on, until the run has ended: its reading is shared by page and API."""
        path = logs.followed(self.runtime, run)
        look = lambda: logs.look(self.runtime, run.id)  # noqa: E731
        return stream(self.logs, Log(run.id, path), begin, look, form)

    @property
    def settings(self) -> ServerSettings:
        """How it is served."""
        return self.runtime.server or ServerSettings()

    @property
    def now(self) -> datetime:
        """The present."""
        return self.runtime.services.clock()

    def hint(self, repositories: Collection[RepositoryId]) -> None:
        """Has repositories looked at soon, by the daemon here or elsewhere."""
        self.runtime.services.store.hooks.hints.leave(repositories, self.now)
        self.runtime.bell.ring()

    def of(self, person: Person) -> Runtime:
        """The runtime for somebody: commands refuse what she may not do."""
        return self.runtime.asked_by(person)


def door_of(request: Request) -> Door:
    """The door by which a request came."""
    door: Door = request.app.state.door
    return door
