"""Whether those who are to be told of what happens can be told."""

from collections.abc import Iterator

from envmgr.commands.doctor import CheckResult, look
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.notices import Message

from .target import Target

_TRIAL = "envmgr can tell you what happens: this is a trial, and nothing has happened."


def of_notifications(runtime: Runtime, *, sends: bool) -> Iterator[CheckResult]:
    """One for each: whether its secrets can be read and its address is understood; `sends` a trial message to it, too."""
    for target in runtime.targets:
        yield look(target.label.lower(), lambda target=target: _checked(runtime, target, sends))  # type: ignore[misc]


def _checked(runtime: Runtime, target: Target, sends: bool) -> str:
    way = target.open()
    name = way.describe()
    said = f"{name} is told of {', '.join(sorted(target.audience.kinds))}"
    if sends:
        now = runtime.services.clock()
        way.send(
            Message(
                id=f"msg_trial_{now:%Y%m%d%H%M%S}",
                at=now,
                title="A trial of envmgr",
                text=_TRIAL,
                is_bad=False,
                document={"organization": target.audience.organization, "events": []},
            )
        )
        return f"{said}; it took a trial message"
    position = runtime.services.store.hooks.positions.get(target.key)
    if position is not None and position.failing_since is not None:
        raise NeedsPerson(
            f"{name} could not be told since {position.failing_since:%Y-%m-%d %H:%M} UTC: {position.error} "
            "It is tried again by itself; `envmgr doctor --notify` tries it now."
        )
    return said
