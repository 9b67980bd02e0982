"""Commands in comments of pull requests, by the same commands and guards as by any other door, once each.

What is to be done is written down as a request before it is done, so that whoever sees the comment again finds it
there; the record of the pull request says how each ended, for the forge to show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from envmgr.commands.pipeline.approvals import awaiting
from envmgr.commands.requests import Asked, ask
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.duration import read_duration
from envmgr.domain.errors import EnvmgrError, NeedsPerson, RetryLater, Transient
from envmgr.domain.rules.access.comments import VERBS, Said, Unclear, Verb, command_in, is_commit, is_plan
from envmgr.domain.rules.access.held import is_held
from envmgr.domain.rules.access.moved_on import OF_A_COMMIT
from envmgr.domain.rules.access.on_forge import on_forge
from envmgr.domain.rules.origins.previews import is_preview
from envmgr.domain.values.asking.person import Asker
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.environment import Environment, Guard
from envmgr.domain.values.forge import (
    Command,
    CommandStatus,
    Comment,
    ForgePerson,
    KnownPullRequest,
)
from envmgr.domain.values.pipeline.proposal import plan_name
from envmgr.engine.context.organization import Repository

from .heads import approve_head

_FRESH = timedelta(minutes=15)
"""How old a comment may be where its pull request is seen for the first time."""
_LATE = timedelta(minutes=2)
"""How much later than its time a comment may show."""
_TOO_LATE = timedelta(hours=1)
"""How long after it was written a command may be read: who gave it may have done otherwise since."""
_READ, _COMMANDS = 1_000, 20


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a comment came to; `command` is None where a stranger, or nobody, asked for anything."""

    comment: Comment
    command: Command | None = None
    is_stranger: bool = False


def is_obeyed(repository: Repository, pull: KnownPullRequest, records: Sequence[Environment]) -> bool:
    """Whether comments of a pull request may be commands, and there is anything that they could be about."""
    if not repository.forge_rules.obeys or pull.is_lost:
        return False
    return bool(target(pull, records)) or (pull.told.is_from_fork and repository.previews is not None)


def unread(pull: KnownPullRequest, comments: Sequence[Comment]) -> list[Comment]:
    """Those that were not read yet, oldest first; at first sight of a pull request old ones are passed over."""
    floor = pull.read_until - _LATE if pull.read_until is not None else pull.first_seen_at - _FRESH
    found = [each for each in comments if each.at >= floor and each.id not in pull.read]
    # Times are whole seconds on most forges, and IDs numbers of any length.
    return sorted(found, key=lambda each: (each.at, len(each.id), each.id))


def read_to(
    pull: KnownPullRequest, obeyed: Sequence[Obeyed], now: datetime, *, whole: bool = True
) -> KnownPullRequest:
    """The same, with these read; `whole`: they are all that there were. What is told to be of later than now hides nothing that comes."""
    times = [min(each.comment.at, now) for each in obeyed]
    told = min(pull.told.updated_at, now) if whole and pull.told.updated_at is not None else None
    until = max([*times, *filter(None, (pull.read_until, told))], default=None)
    commands = [each.command for each in obeyed if each.command is not None]
    known = {each.comment for each in pull.commands}
    new = [each for each in commands if each.comment not in known]
    return replace(
        pull,
        read_until=until,
        read=(*pull.read, *(each.comment.id for each in obeyed))[-_READ:],
        commands=(*pull.commands, *new)[-_COMMANDS:],
    )


def target(pull: KnownPullRequest, records: Sequence[Environment]) -> list[Environment]:
    """The records that commands of a pull request are about: its own environment's, else those of its head's branch."""
    live = [each for each in records if each.is_open and not each.refused]
    own = [each for each in live if is_preview(each) and each.origin.number == pull.number]
    if own or pull.told.is_from_fork:
        return own
    return [each for each in live if each.origin.follows_pattern and each.branch == pull.told.head]


def obey(
    runtime: Runtime,
    repository: Repository,
    pull: KnownPullRequest,
    comment: Comment,
    asker_of: Callable[[ForgePerson], Asker],
) -> Obeyed:
    """Does, or has done, what a comment asks for, as far as who wrote it may; raises where that cannot be known now."""
    said = command_in(comment)
    if said is None:
        return Obeyed(comment)
    person = on_forge(asker_of(comment.author), repository.id, repository.forge_rules.members)
    if person.role(repository.id.organization, repository.id.name) is None:
        return Obeyed(comment, is_stranger=True)
    asking = runtime.asked_by(person)
    verb = said.verb if isinstance(said, Said) else ""
    made = Command(comment=comment.id, at=comment.at, by=person.asker.name, verb=str(verb))
    if isinstance(said, Unclear):
        return Obeyed(comment, _refused(made, said.why))
    if said.verb is not Verb.HELP and runtime.services.clock() - comment.at > _TOO_LATE:
        return Obeyed(comment, _refused(made, "It was read long after it was written: comment again."))
    try:
        return Obeyed(comment, _done(asking, repository, pull, said, made))
    except (Transient, RetryLater):
        raise
    except EnvmgrError as error:
        return Obeyed(comment, _refused(made, str(error)))


def settled(runtime: Runtime, pull: KnownPullRequest) -> KnownPullRequest:
    """The same with how its commands ended that were under way."""
    return replace(pull, commands=tuple(_settled(runtime, each) for each in pull.commands))


def _done(
    asking: Runtime, repository: Repository, pull: KnownPullRequest, said: Said, made: Command
) -> Command:
    if said.verb is Verb.HELP:
        told = f"Begin a comment with `/envmgr` and one of: {VERBS}."
        return replace(made, status=CommandStatus.DONE, message=told)
    records = target(pull, asking.services.store.environments(repository=repository.id))
    is_head = said.verb is Verb.APPROVE and pull.told.is_from_fork and not is_plan(said.argument)
    if is_head and not said.argument:
        raise NeedsPerson("It comes from a fork: name the commit in full, as `/envmgr approve COMMIT`.")
    if is_head and (pull.approved is None or pull.approved.commit != said.argument):
        approve_head(asking, repository, pull.number, said.argument)
        told = f"{said.argument[:10]} may be run."
        return replace(made, status=CommandStatus.DONE, message=told)
    if not records:
        raise NeedsPerson(f"Pull request {pull.number} has no environment.")
    _check_seen(records, said, made.at)
    wanted = Asked(
        environment=records[0].id.environment,
        action=said.verb.action,
        options=_options(said),
        commit=said.argument if is_commit(said.argument) else None,
        key=f"comment {repository.id} {pull.number} {made.comment}",
    )
    return replace(made, request=ask(asking, wanted).id)


def _check_seen(records: Sequence[Environment], said: Said, at: datetime) -> None:
    """Whoever wrote before a push was seen cannot have meant it, nor a plan that came later; unless she names just that."""
    record, pushed = records[0], records[0].life.pushed_at
    if is_plan(said.argument):
        return
    if said.verb.action in OF_A_COMMIT and not said.argument and pushed is not None and pushed > at:
        raise NeedsPerson(
            f"{record.commit[:10]} was seen only after this was written: look at it, and comment again."
        )
    guards = [e.hold.guard for e in records if is_held(e) and e.hold.guard is not Guard.APPROVAL]
    if said.verb is Verb.APPROVE and guards and any(e.updated_at > at for e in records if is_held(e)):
        # When a guard began to hold it nobody notes: it may have been at the last change of its record.
        raise NeedsPerson(
            f"{record.label} waits for another thing than it may have when this was written ({guards[0]}): look at it, and comment again."
        )
    if said.verb in (Verb.APPROVE, Verb.REJECT):
        # Most forges tell whole seconds: what was written in the one in which the plan came was before it.
        late = [
            plan_name(p.digest) for e in records if (p := awaiting(e)) is not None and p.requested_at > at
        ]
        if late:
            raise NeedsPerson(
                f"The plan that waits ({late[0]}) came only after this was written: look at it, and comment again."
            )


def _options(said: Said) -> dict[str, object]:
    if is_plan(said.argument):
        return {"proposal": said.argument}
    if said.verb is not Verb.EXTEND:
        return {}
    return {"seconds": read_duration(said.argument, "extend").total_seconds()}


def _refused(made: Command, why: str) -> Command:
    return replace(made, status=CommandStatus.REFUSED, message=why)


_ENDED = {
    RequestStatus.SUCCEEDED: CommandStatus.DONE,
    RequestStatus.FAILED: CommandStatus.FAILED,
    RequestStatus.REFUSED: CommandStatus.REFUSED,
}


def _settled(runtime: Runtime, command: Command) -> Command:
    if command.status.is_over or command.request is None:
        return command
    request = runtime.services.store.requests.get(command.request)
    if request is None:  # it is over for so long that it was forgotten
        return replace(
            command, status=CommandStatus.FAILED, message="Nobody knows any more what became of it."
        )
    if not request.status.is_over:
        return command
    return replace(command, status=_ENDED[request.status], message=request.message)
