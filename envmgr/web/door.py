"""What page and API work with: the runtime of now, for whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from envmgr.commands.runtime import Runtime
from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Person
from envmgr.domain.values.environment import Event

from .limits import Rate
from .live.events import Events
from .live.logs import Logs


@dataclass(slots=True)
class Door:
    """The runtime by which all is answered, which a reload of the configuration replaces."""

    runtime: Runtime
    rate: Rate = field(default_factory=Rate)
    logs: Logs = field(default_factory=Logs)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        """Follows the records of whatever runtime there is by then."""
        self.events = Events(self._news, self._last)

    def _last(self) -> int:
        return self.runtime.services.store.pages.last_event()

    def _news(self, after: int, limit: int) -> Sequence[Event]:
        return self.runtime.services.store.pages.news(after, limit)

    @property
    def settings(self) -> ServerSettings:
        """How it is served."""
        return self.runtime.server or ServerSettings()

    @property
    def now(self) -> datetime:
        """The present."""
        return self.runtime.services.clock()

    def of(self, person: Person) -> Runtime:
        """The runtime for somebody: commands refuse what she may not do."""
        return self.runtime.asked_by(person)


def door_of(request: Request) -> Door:
    """The door by which a request came."""
    door: Door = request.app.state.door
    return door
