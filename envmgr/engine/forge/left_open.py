"""Statuses that say "pending" on older commits after the records were lost: found by asking the forge, and ended.

What was told is forgotten with the records. The newest commit's status is told anew; that of a commit between the one
that was applied and the newest may wait for ever. Which commits these are git says, and the forge whether they wait.
"""

from collections.abc import Collection, Iterator, Sequence

from envmgr.domain.errors import EnvmgrError, UsageError
from envmgr.domain.rules.forge.statuses import Place
from envmgr.domain.rules.forge.wanted import digest_of
from envmgr.domain.values.combined import by_environment, combined
from envmgr.domain.values.environment import Environment, OriginKind
from envmgr.domain.values.forge import CommitStatus, ReportState
from envmgr.domain.values.forge.telling import Target, Telling, TellingKind
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.ports.forge import Forge

MOST = 20
"""So many commits before the newest one are asked about."""


def end_what_is_left(services: Services, repository: Repository, forge: Forge) -> None:
    """Has statuses ended that were pending when the records were lost, once for each record that was brought back.

    Raises what the forge and the store raise: what was not asked about by then is asked about the next time.
    """
    restored = repository.organization.rebuilding.restored
    if not any(each.repository_id == repository.id for each in restored):
        return
    records = services.store.environments(repository=repository.id)
    for group in by_environment(records):
        mine = [each.id for each in group if each.id in restored]
        if mine:
            _end(services, repository, forge, group, {restored[each] for each in mine})
        for each in mine:
            restored.pop(each, None)


def _end(
    services: Services,
    repository: Repository,
    forge: Forge,
    records: Sequence[Environment],
    applied: Collection[str],
) -> None:
    found, place = combined(records), Place(repository.forge_rules.context)
    contexts = (place.status(found.id.name), place.plan(found.id.name))
    commits = dict.fromkeys(c for each in sorted(applied) for c in _before(services, found, each))
    rows = [
        _row(services, repository, found, commit, context)
        for commit in commits
        for context in contexts
        if forge.is_pending(commit, context)
    ]
    known = {each.target for each in services.store.outbox.of(repository.id)}
    services.store.outbox.revise(repository.id, lambda _: ([r for r in rows if r.target not in known], ()))


def _before(services: Services, found: Environment, applied: str) -> Iterator[str]:
    """The commits before the newest one back to the one that was applied; none where that is the newest, or history was rewritten."""
    target = found.target
    if applied == target or not _holds(services, found, target, applied):
        return
    for number in range(1, MOST + 1):
        try:
            commit = services.git.resolve(found.id.repository_id, f"{target}~{number}")
        except UsageError:
            return
        yield commit
        if commit == applied:
            return


def _holds(services: Services, found: Environment, target: str, applied: str) -> bool:
    try:
        return services.git.holds(found.id.repository_id, target, applied)
    except EnvmgrError:  # the mirror lacks one of them
        return False


def _row(
    services: Services, repository: Repository, found: Environment, commit: str, context: str
) -> Telling:
    status = CommitStatus(
        commit=commit,
        context=context,
        state=ReportState.FAILURE,
        sentence=f"{found.target[:10]} came before this was done.",
        url=found.origin.url or "",
        number=found.origin.number,
        branch=found.branch if found.origin.kind is OriginKind.BRANCH else "",
    )
    target = Target(repository.id, TellingKind.STATUS, context, commit)
    return Telling(
        target=target,
        document=status,
        digest=digest_of(status),
        since=services.clock(),
        is_last=True,
        began=True,
    )
