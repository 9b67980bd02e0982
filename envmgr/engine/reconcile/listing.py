"""One look at a repository's remote: all that its environments come from, tags with their time where that orders them."""

from dataclasses import replace

from envmgr.domain.rules.observation import Listing
from envmgr.domain.rules.origins.releases import Releases
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services


def listed(services: Services, repository: Repository, default_branch: str | None) -> Listing:
    """What the remote shows, as `Git.listing` gives it; raises as that."""
    remote = repository.remote()
    return services.git.listing(remote, repository.watched, default_branch, repository.watched_tags)


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
