"""Freezing and thawing: the brake for an organization, one of its repositories, or everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Action, place_name
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context import freezes
from envmgr.views.visible import escaped

from .access import check, may
from .runtime import Runtime

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Spot:
    """What is to be frozen or thawed: an organization, or one of its repositories."""

    organization: str
    repository: str | None = None

    def __str__(self) -> str:
        return place_name(self.organization, self.repository)


def spots(runtime: Runtime, text: str | None) -> Sequence[Spot]:
    """What a person means by `acme` or `acme/shop`; all organizations where she says nothing.

    Raises UsageError for what is in no organization file.
    """
    services = runtime.services
    if text is None:
        return [Spot(name) for name in sorted(services.organizations)]
    organization, slash, repository = text.partition("/")
    spot = Spot(organization, repository if slash else None)
    _require(runtime, spot)
    return [spot]


def _require(runtime: Runtime, spot: Spot) -> None:
    services, organization, repository = runtime.services, spot.organization, spot.repository
    is_there = organization in services.organizations and (
        repository is None or RepositoryId(organization, repository) in services.repositories
    )
    if not is_there:
        raise UsageError(
            f"There is no organization or repository {escaped(str(spot))!r} in the configuration: name one as acme or acme/shop."
        )


def freeze(runtime: Runtime, spot: Spot, reason: str, until: datetime | None) -> Freeze:
    """From now on nothing is applied or destroyed there, until it is thawed or `until`; what runs goes on to its end.

    A freeze that people made there before is replaced. Raises Forbidden or NotThere where somebody may not, and
    UsageError for a reason that says nothing or an end that is over.
    """
    check(runtime, Action.FREEZE, spot.organization, spot.repository)
    services = runtime.services
    _require(runtime, spot)
    said, now = " ".join(escaped(reason).split())[:_LONGEST], services.clock()
    if not said:
        raise UsageError("Say why: the reason is shown wherever its environments are.")
    if until is not None and until <= now:
        raise UsageError(f"{until:%Y-%m-%d %H:%M} UTC is over: give a time that comes.")
    found = Freeze(
        organization=spot.organization,
        repository=spot.repository,
        reason=said,
        by=services.actor,
        since=now,
        until=until,
    )
    services.store.freezes.put(found)
    services.record((spot.organization, spot.repository), "frozen", f"{found}.")
    freezes.keep(services, spot.organization)
    return found


def thaw(runtime: Runtime, spot: Spot) -> Freeze:
    """Ends the freeze that people made there; what waited for that goes on.

    Raises Forbidden or NotThere where somebody may not, and NeedsPerson where there is none that a person can end here.
    """
    check(runtime, Action.THAW, spot.organization, spot.repository)
    services = runtime.services
    there = [f for f in services.store.freezes.all() if f.place == str(spot)]
    made = next((each for each in there if not each.in_file), None)
    if made is None or not services.store.freezes.remove(made):
        raise NeedsPerson(_why_not(services.store.freezes.all(), spot))
    said = f"{spot} is thawed; it was frozen by {made.by} ({made.reason})."
    services.record((spot.organization, spot.repository), "thawed", said)
    freezes.keep(services, spot.organization)
    return made


def _why_not(freezes: Sequence[Freeze], spot: Spot) -> str:
    """Why there is nothing to thaw, and where there is."""
    around = [
        f for f in freezes if f.organization == spot.organization and f.repository in (None, spot.repository)
    ]
    if around:
        return f"{spot} is not frozen by a person: {around[0]}. {around[0].ends_by} ends that."
    return f"{spot} is not frozen."


def thawable(runtime: Runtime, text: str | None) -> Sequence[Spot]:
    """What a person means to thaw; where she says nothing all that people froze and she may thaw."""
    if text is not None:
        return spots(runtime, text)
    made = [f for f in runtime.services.store.freezes.all() if not f.in_file]
    return [
        Spot(f.organization, f.repository)
        for f in made
        if may(runtime, Action.THAW, f.organization, f.repository)
    ]


def frozen(runtime: Runtime) -> Sequence[Freeze]:
    """The freezes that hold now and may be seen, by place."""
    now = runtime.services.clock()
    return [
        f
        for f in runtime.services.store.freezes.all()
        if not f.is_over(now) and may(runtime, Action.SEE, f.organization, f.repository)
    ]
