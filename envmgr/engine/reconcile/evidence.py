"""What a listing is worth: asks the default branch's history, and only where something is about to go away."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.evidence import History, Holds, Judgement, Sight, address_of, judge
from envmgr.domain.rules.observation import Listing, misses
from envmgr.domain.values.environment import Environment, Guard, RepositoryState
from envmgr.domain.values.names import ref_component
from envmgr.domain.values.origins.named import Asked
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a listing is worth; `error` says why that could not be told, if so."""

    judgement: Judgement
    error: str = ""


def weigh(
    services: Services,
    repository: Repository,
    state: RepositoryState,
    listing: Listing,
    asked: Asked,
) -> Weighed:
    """Judges a listing; the remote is asked again only where a branch is missing and the default branch has moved.

    Nothing is recorded.
    """
    commit = listing.branches[listing.default_branch]
    history, address = history_of(state), address_of(repository.remote().url)
    # The worst case first: only where that would be doubtful are the records read and the remote asked once
    # more, so a quiet poll pays for neither.
    sight = Sight(commit, address, misses=True, applied=True)
    if not sight.is_doubtful(history):
        return Weighed(judge(history, sight, None))
    known = services.store.environments(repository=repository.id)
    history = history_of(services.store.repository(repository.id))  # as another process may have left it
    # Whoever approved saw the offered history: that one is the known one from now on, and no other.
    if history.offered and any(e.hold.approved is Guard.HISTORY for e in known):
        history = history.accepted()
    applied = any(e.is_open and e.claim is not None for e in known)
    is_missing = misses(known, listing, repository.branches, asked)
    sight = Sight(commit, address, is_missing, applied)
    if not sight.is_doubtful(history):
        return Weighed(judge(history, sight, None))
    try:
        return Weighed(judge(history, sight, _holds(services, repository, history, listing, known)))
    except EnvmgrError as error:
        said = (
            f"Whether the history of its default branch {ref_component(listing.default_branch)} is the known one "
            f"could not be told, so no missing branch counts as gone: {error}"
        )
        return Weighed(judge(history, sight, None), said)


def history_of(state: RepositoryState) -> History:
    """What is known of a repository's history."""
    return History(state.known_commit, state.known_address, state.offered_commit)


def _holds(
    services: Services,
    repository: Repository,
    history: History,
    listing: Listing,
    known: Sequence[Environment],
) -> Holds:
    """Asks the default branch's history for the commits that are known; without any, for those of the environments."""
    git, identity = services.git, repository.id
    default, commit = listing.default_branch, listing.branches[listing.default_branch]
    if commit == history.commit:
        return Holds(known=True, offered=history.offered == commit)
    # Whether one commit is an ancestor of another can only be asked of a mirror that has both.
    git.fetch(repository.remote(), {default: commit})
    offered = history.offered is not None and git.holds(identity, commit, history.offered)
    if history.commit is not None:
        return Holds(git.holds(identity, commit, history.commit), offered)
    # Asked for the first time, after an upgrade or a loss of the records: it is to be that of what was applied.
    applied = {e.claim.commit for e in known if e.is_open and e.claim is not None}
    return Holds(git.is_related(identity, commit, applied), offered)
