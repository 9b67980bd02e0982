"""One look at a repository's remote: all that its environments come from, tags with their time where that orders them."""

from dataclasses import replace

from envmgr.domain.errors import NotHere, UsageError
from envmgr.domain.rules.observation import Listing
from envmgr.domain.rules.origins.previews import HEADS, wanted_refs
from envmgr.domain.rules.origins.releases import Releases
from envmgr.domain.values.origins.named import Asked
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services


def listed(
    services: Services,
    repository: Repository,
    default_branch: str | None,
    asked: Asked,
) -> Listing:
    """What the remote shows, as `Git.listing` gives it, the heads of known pull requests too; raises as that."""
    refs = wanted_refs(asked)
    remote = repository.remote()
    return services.git.listing(remote, repository.watched, default_branch, repository.watched_tags, refs)


def asked_of(services: Services, repository: Repository) -> Asked:
    """What is asked of a repository, with what is known of its pull requests now, where these have environments."""
    asked = repository.asked
    if asked.previews is None:
        return asked
    return replace(asked, pulls=tuple(services.store.pull_requests.all(repository.id)))


def headed(services: Services, repository: Repository, listing: Listing) -> Listing:
    """The same, with the head itself where a forge shows only a merge on trial of it: its second parent, as git has it.

    What is no merge of just two is none that it is known of, and neither is one that was replaced meanwhile.
    """
    asked = repository.asked.previews
    if asked is None or not asked.are_merges:
        return listing
    found = {
        ref: commit if ref.startswith(HEADS) else _second_parent(services, repository, ref, commit)
        for ref, commit in listing.refs.items()
    }
    return replace(listing, refs={ref: commit for ref, commit in found.items() if commit is not None})


def _second_parent(services: Services, repository: Repository, ref: str, merge: str) -> str | None:
    parents: list[str] = []
    try:
        services.git.fetch(repository.remote(), {ref: merge})
        # The third is asked for only to see that there is none: a forge merges two on trial.
        for number in (1, 2, 3):
            parents.append(services.git.resolve(repository.id, f"{merge}^{number}"))  # noqa: PERF401  the third raises
    except NotHere:
        return None  # a new listing will tell
    except UsageError:
        return parents[1] if len(parents) == 2 else None
    return None


def dated(services: Services, repository: Repository, listing: Listing) -> Listing:
    """The same, with the times of those tags that no version orders; asked of the remote where they are not here yet.

    Apart from `listed`, as a listing that says the same as the last one needs no times.
    """
    releases, asked = Releases(listing.tags), repository.asked
    named = asked.named if listing.tags else ()
    undated = {name: tag for each in named for name, tag in releases.undated(each).items()}
    times = services.git.tag_times(repository.remote(), undated) if undated else {}
    tags = {name: replace(tag, at=times.get(name, tag.at)) for name, tag in listing.tags.items()}
    return replace(listing, tags=tags) if times else listing
