"""Reading the comments of pull requests, and answering those that have commands."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, NeedsPerson, NotThere
from envmgr.domain.rules.access.comments import command_in
from envmgr.domain.rules.access.on_forge import asker_on
from envmgr.domain.rules.forge.reading import Reading, is_due, read
from envmgr.domain.values.asking.person import Asker
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.forge import (
    Command,
    CommandStatus,
    Comment,
    ForgePerson,
    KnownPullRequest,
    Permission,
    Reaction,
)
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.organization import Repository
from envmgr.ports import Store
from envmgr.ports.forge import Forge

from .obeying import Obeyed, is_obeyed, obey, read_to, settled, unread

log = structlog.get_logger()

_KNOWN = timedelta(minutes=5)
"""How long what somebody may do on a forge is taken as it was said."""
_STRANGERS = 10
_UNTOLD = 1.5
"""Of the looks at a forge that tells of no new comment each second one reads the comments: after so many intervals."""
_REACTIONS = {CommandStatus.SEEN: Reaction.SEEN, CommandStatus.DONE: Reaction.DONE}


@dataclass(slots=True)
class Readings:
    """When the comments of a repository's pull requests were read last: in memory, so that after a restart all are read."""

    _last: dict[int, Reading] = field(default_factory=dict)

    def is_due(self, repository: Repository, pull: KnownPullRequest, now: datetime) -> bool:
        """Whether a pull request may have comments that were not read."""
        if repository.forge is None or not repository.forge_rules.obeys:
            return False
        sign, apart = repository.forge.traits.comments_show, repository.forge_rules.interval * _UNTOLD
        return is_due(pull, sign, self._last.get(pull.number), now, apart)

    def note(self, pull: KnownPullRequest, now: datetime) -> None:
        """All comments of a pull request were read."""
        self._last[pull.number] = read(pull, self._last.get(pull.number), now)

    def forget(self) -> None:
        """All comments are to be read at the next look."""
        self._last.clear()


class Records:
    """The environments of a repository, read once they are asked for: the usual look at a forge has no use for them."""

    def __init__(self, store: Store, repository: RepositoryId) -> None:
        """Nothing is read yet."""
        self._store, self._repository = store, repository

    @cached_property
    def all(self) -> Sequence[Environment]:
        """Those that are open."""
        return self._store.environments(repository=self._repository)


@dataclass(slots=True)
class People:
    """Who writes on a repository's forge: what they may do there, and who of them is envmgr itself."""

    _asked: dict[str, tuple[datetime, Permission]] = field(default_factory=dict)
    _ours: str | None = None

    def asker(self, forge: Forge, person: ForgePerson, now: datetime) -> Asker:
        """Somebody, with what she may do; where the forge does not tell, she may nothing."""
        known = self._asked.get(person.id)
        if known is None or not known[0] <= now < known[0] + _KNOWN:
            try:
                permission = forge.permission(person)
            except (NeedsPerson, NotThere):
                permission = Permission.UNKNOWN
            known = self._asked[person.id] = now, permission
        return asker_on(forge.traits.kind, person, known[1])

    def is_us(self, forge: Forge, person: ForgePerson) -> bool:
        """Whether it is envmgr itself; asked for once, where the forge tells it."""
        if not self._ours:
            with suppress(NeedsPerson, NotThere):
                self._ours = forge.identity().person.id
        return bool(self._ours) and person.id == self._ours


def is_to_be_read(
    repository: Repository,
    pull: KnownPullRequest,
    records: Records,
    readings: Readings,
    now: datetime,
) -> bool:
    """Whether a pull request may have comments that were not read, and anything that they could be about."""
    return readings.is_due(repository, pull, now) and is_obeyed(repository, pull, records.all)


def attend(
    runtime: Runtime,
    repository: Repository,
    pull: KnownPullRequest,
    records: Records,
    people: People,
    readings: Readings,
) -> bool:
    """Reads what was written to a pull request since the last time; whether anything is under way for it now.

    Raises what the forge raises: what was not read by then is read the next time.
    """
    forge, now = repository.forge, runtime.services.clock()
    if forge is None or not is_to_be_read(repository, pull, records, readings, now):
        return any(not each.answered for each in pull.commands)
    comments = unread(pull, forge.comments(pull.number, pull.read_until))
    obeyed: list[Obeyed] = []
    try:
        for comment in comments:
            obeyed.append(_obeyed(runtime, repository, pull, comment, people))  # noqa: PERF401  kept where it raises
    finally:
        whole = len(obeyed) == len(comments)
        store = runtime.services.store.pull_requests
        store.change(repository.id, pull.number, lambda k: k and read_to(k, obeyed, now, whole=whole))
        # On record first: what is answered there must not be read, and answered, once more.
        for each in _answered(obeyed):
            _answer_at_once(forge, pull.number, each)
    readings.note(pull, now)
    return any(each.command is not None for each in obeyed)


def settle(runtime: Runtime, repository: Repository) -> bool:
    """Notes how commands ended, and answers these; whether any is still under way."""
    store, forge = runtime.services.store.pull_requests, repository.forge
    is_left = False
    for pull in store.all(repository.id):
        if forge is None or all(each.answered for each in pull.commands):
            continue
        after = settled(runtime, pull)
        answered = {
            each.comment
            for each in after.commands
            if each.status.is_over
            and not each.answered
            and _react(forge, pull.number, each.comment, _reaction(each.status))
        }
        told = {each.comment: each for each in after.commands}

        def ended(
            known: KnownPullRequest | None, told: dict[str, Command] = told, answered: set[str] = answered
        ) -> KnownPullRequest | None:
            if known is None:
                return None
            commands = (told.get(each.comment, each) for each in known.commands)
            return replace(
                known,
                commands=tuple(
                    replace(each, answered=each.answered or each.comment in answered) for each in commands
                ),
            )

        store.change(repository.id, pull.number, ended)
        is_left = is_left or any(not each.status.is_over for each in after.commands)
    return is_left


def _obeyed(
    runtime: Runtime, repository: Repository, pull: KnownPullRequest, comment: Comment, people: People
) -> Obeyed:
    forge = repository.forge
    if forge is None or command_in(comment) is None or people.is_us(forge, comment.author):
        return Obeyed(comment)
    now = runtime.services.clock()
    return obey(runtime, repository, pull, comment, lambda person: people.asker(forge, person, now))


def _answered(obeyed: Sequence[Obeyed]) -> list[Obeyed]:
    """Those that are answered at once: of many strangers' only the first, since each answer is a call."""
    strangers = [each for each in obeyed if each.is_stranger][:_STRANGERS]
    return [each for each in obeyed if not each.is_stranger] + strangers


def _answer_at_once(forge: Forge, number: int, obeyed: Obeyed) -> None:
    """That it was seen, or is refused: to a stranger that is all."""
    if obeyed.is_stranger:
        _react(forge, number, obeyed.comment.id, Reaction.REFUSED)
    elif obeyed.command is not None and not obeyed.command.status.is_over:
        _react(forge, number, obeyed.comment.id, Reaction.SEEN)


def _reaction(status: CommandStatus) -> Reaction:
    return _REACTIONS.get(status, Reaction.REFUSED)


def _react(forge: Forge, number: int, comment: str, reaction: Reaction) -> bool:
    try:
        forge.react(number, comment, reaction)
    except EnvmgrError as error:  # it is no more than an answer: what was asked for is done all the same
        log.info(str(error), action="not-answered", number=number)
        return False
    return True
