"""One look at a repository's forge: which pull requests there are, and how those stand that are open no more.

A look is one call where nothing changed. One that fails or is cut changes nothing.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from envmgr.domain.errors import EnvmgrError, NotThere, RetryLater, Transient
from envmgr.domain.rules.origins import telling
from envmgr.domain.values.environment import Environment, OriginKind
from envmgr.domain.values.forge import KnownPullRequest, PullRequest
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.ports.forge import Forge

log = structlog.get_logger()

_ASKED = 50
_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ForgeLook:
    """What a look came to: the pull requests that are open, and whether anything an environment depends on is another.

    `is_quiet`: not that, and none had to be asked for by its number.
    """

    open: tuple[KnownPullRequest, ...]
    is_news: bool
    is_quiet: bool = False


def look_at_forge(
    services: Services, repository: Repository, forge: Forge, is_over: Callable[[], bool] = lambda: False
) -> ForgeLook:
    """Asks a repository's forge for its pull requests, and keeps what it says; raises what the forge raises.

    Nothing more is asked of single ones once `is_over`: that waits for the next look.
    """
    now = services.clock()
    known = {each.number: each for each in services.store.pull_requests.all(repository.id)}
    told = {each.number: each for each in map(_sound, forge.open_pull_requests())}
    taken = [_take(services, repository, each, known, now) for each in told.values()]
    opened = tuple(
        _counted(
            found if is_over() else _with_author(services, repository, forge, found, known),
            told[found.number],
        )
        for found in taken
    )
    to_ask = _some(_to_ask(services, repository, known, told.keys()), now)
    closed = [_ask(services, repository, forge, number, now) for number in to_ask if not is_over()]
    after = {each.number: each for each in (*opened, *closed) if each is not None}
    is_news = any(known.get(n) is None or known[n].mark != each.mark for n, each in after.items())
    return ForgeLook(opened, is_news, is_quiet=not is_news and not to_ask)


def previews_of(services: Services, repository: Repository) -> Iterator[Environment]:
    """The open environments that come from pull requests of a repository."""
    for each in services.store.environments(repository=repository.id):
        if each.origin.kind is OriginKind.PULL_REQUEST:
            yield each


def _take(
    services: Services,
    repository: Repository,
    told: PullRequest,
    known: dict[int, KnownPullRequest],
    now: datetime,
) -> KnownPullRequest:
    before = known.get(told.number)
    if before is not None and telling.seen_open(repository.id, before, told, now) == before:
        return before  # the usual look asks the database nothing more

    def taken(found: KnownPullRequest | None) -> KnownPullRequest:
        return telling.seen_open(repository.id, found, told, now, is_first=not known)

    return services.store.pull_requests.change(repository.id, told.number, taken) or taken(before)


def _counted(known: KnownPullRequest, told: PullRequest) -> KnownPullRequest:
    """With how many comments the list tells of, which is kept nowhere."""
    return replace(known, told=replace(known.told, comments=told.comments))


def _with_author(
    services: Services,
    repository: Repository,
    forge: Forge,
    found: KnownPullRequest,
    known: dict[int, KnownPullRequest],
) -> KnownPullRequest:
    """With what its author may do, where that counts; asked again only where it was not enough, and it changed since."""
    rules, before = repository.previews, known.get(found.number)
    if (
        rules is None
        or rules.authors != "members"
        or (found.permission is not None and found.permission.may_write)
    ):
        return found
    if (
        found.permission is not None
        and before is not None
        and before.told.updated_at == found.told.updated_at
    ):
        return found
    try:
        permission = forge.permission(found.told.author)
    except RetryLater:
        raise
    except EnvmgrError as error:  # of one author; the others' pull requests are told of all the same
        log.info(str(error), action="author-unknown", repository=str(repository.id), number=found.number)
        return found

    def with_permission(now: KnownPullRequest | None) -> KnownPullRequest | None:
        is_same = now is not None and now.told.author == found.told.author
        return telling.with_permission(now, permission) if now is not None and is_same else None

    return services.store.pull_requests.change(repository.id, found.number, with_permission) or found


def _to_ask(
    services: Services,
    repository: Repository,
    known: dict[int, KnownPullRequest],
    opened: Collection[int],
) -> list[int]:
    """The numbers to be asked for one by one: of those that were open, and of those that have an environment.

    The latter until the forge has said often enough that they are closed.
    """
    enough = repository.policy.confirmations
    gone = {number for number, each in known.items() if each.is_open and not each.is_lost}
    for environment in previews_of(services, repository):
        number = environment.origin.number
        if number is not None and (number not in known or known[number].closed < enough):
            gone.add(number)
    return sorted(gone.difference(opened))


def _sound(told: PullRequest) -> PullRequest:
    """A pull request that can be one by its number; raises Transient where it cannot, and the whole list is none."""
    if not 0 < told.number <= _HIGHEST:
        raise Transient(
            f"The forge did not answer as it should: no pull request has the number {told.number}."
        )
    return told


def _some(numbers: list[int], now: datetime) -> list[int]:
    """As many as one look asks for, others at each minute: a list that comes empty would else ask for all at once."""
    if len(numbers) <= _ASKED:
        return numbers
    first = int(now.timestamp() // 60) * _ASKED % len(numbers)
    return (numbers + numbers)[first : first + _ASKED]


def _ask(
    services: Services, repository: Repository, forge: Forge, number: int, now: datetime
) -> KnownPullRequest | None:
    change = services.store.pull_requests.change
    try:
        told = forge.pull_request(number)
    except NotThere:
        return change(repository.id, number, lambda k: telling.not_found(k, now) if k is not None else None)
    except RetryLater:
        raise
    except EnvmgrError as error:  # of this one; the list came, so the forge is there
        log.info(str(error), action="not-asked", repository=str(repository.id), number=number)
        return None
    if told.number != number:
        return None
    return change(repository.id, number, lambda k: telling.asked_for(repository.id, k, told, now))
