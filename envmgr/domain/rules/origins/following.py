"""What a look at a remote says of a named environment: it goes on with what it follows, and never goes away with it."""

from collections.abc import Iterable, Sequence

from envmgr.domain.values.environment import Environment, Guard, Offered, OriginKind, Tagged
from envmgr.domain.values.names import EnvironmentId, RepositoryId, ref_component
from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.reference import forms

from .releases import Choice, Noted, Releases
from .sighting import Listing, Look, Seen, offering, without


def follow(
    look: Look,
    named: Named,
    records: Sequence[Environment],
    releases: Releases,
    applications: Iterable[str],
) -> list[Environment]:
    """The records of a named environment by a look; `records` are those that have its name.

    Nothing where a branch's environment has the name: that one is looked after until it has gone.
    """
    live = [e for e in records if e.is_open and not e.refused]
    if any(not e.origin.is_named for e in live):
        return []
    if named.branch is not None:
        return _on_branch(look, named, records, applications)
    choice = _chosen(look, named, live, releases)
    if choice is None:
        return [without(look, each) for each in live]
    noted = choice.noted
    tagged = Tagged(object=noted.tag.object, at=noted.tag.at, offered=choice.offered)
    if choice.is_gone:
        return [_gone(look, each, tagged) for each in live]
    seen = Seen(look, named.name, noted.name, noted.tag.commit, origin=named.origin, tagged=tagged)
    return seen.all(records, applications)


def is_there(named: Named, listing: Listing) -> bool:
    """Whether a listing shows anything that a named environment follows."""
    if named.branch is not None:
        return named.branch in listing.branches
    return Releases(listing.tags).newest(named) is not None


def is_missed(environment: Environment, listing: Listing, asked: Asked) -> bool:
    """Whether a listing lacks what a named environment follows."""
    named = asked.by_name(environment.id.name)
    if named is None:
        return False
    if named.branch is not None:
        return named.branch not in listing.branches
    return environment.origin.kind is OriginKind.TAG and environment.branch not in listing.tags


def _on_branch(
    look: Look, named: Named, records: Sequence[Environment], applications: Iterable[str]
) -> list[Environment]:
    branch = named.branch or ""
    commit = look.listing.branches.get(branch)
    if commit is None:
        return [without(look, e) for e in records if e.is_open and not e.refused]
    return Seen(look, named.name, branch, commit, origin=named.origin).all(records, applications)


def _chosen(look: Look, named: Named, live: Sequence[Environment], releases: Releases) -> Choice | None:
    """The tag that counts; where a person let an older or a moved one through, and it still is that one, it counts."""
    elder = next((e for e in live if e.origin.kind is OriginKind.TAG and e.tagged is not None), None)
    choice = releases.choose(named, _noted(elder))
    if choice is None or choice.offered is None or elder is None or not _is_approved(elder, choice.offered):
        return choice
    return Choice(Noted(choice.offered.name, look.listing.tags[choice.offered.name]))


def _noted(environment: Environment | None) -> Noted | None:
    if environment is None or environment.tagged is None:
        return None
    tagged = environment.tagged
    return Noted(environment.branch, GitTag(environment.commit, tagged.object, tagged.at))


def _is_approved(environment: Environment, offered: Offered) -> bool:
    """Whether a person let just this tag through, not another that came since."""
    tagged = environment.tagged
    return environment.hold.approved is Guard.TAG and tagged is not None and tagged.offered == offered


def _gone(look: Look, before: Environment, tagged: Tagged) -> Environment:
    """Its tag is not there. Where the listing proves that, an older one is offered to a person."""
    return without(look, offering(before, tagged) if look.evidence.counts else before)


def not_yet(text: str, named: Iterable[tuple[RepositoryId, Named]]) -> str:
    """What a named environment waits for of which there is no record yet, by what a person calls it.

    Empty where none of the configuration's is called so.
    """
    return " ".join(
        _not_yet(repository, each)
        for repository, each in named
        if text in forms(EnvironmentId(repository.organization, repository.name, each.name), each.name)
    )


def _not_yet(repository: RepositoryId, named: Named) -> str:
    what = f"tag ({named.tags})" if named.tags is not None else f"commit of branch {named.branch}"
    return f"{repository}/{named.name} waits for its first {ref_component(what)}."
