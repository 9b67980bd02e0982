"""Which pull requests have an environment, and at which commit: pure.

Git says where a head is, the forge only what a pull request is and that it is closed. What comes from a fork is one
commit, which a person let through, and no other.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from envmgr.domain.rules.access.on_forge import is_person
from envmgr.domain.values.environment import Absence, Environment, Origin, OriginKind
from envmgr.domain.values.forge import KnownPullRequest, Permission, PreviewRules
from envmgr.domain.values.names import counted, first, matches_any, ref_component
from envmgr.domain.values.origins.named import Asked
from envmgr.domain.values.origins.previews import AskedPreviews, Objection, Why

from .sighting import Look, Seen, absent, unsure, without

HEADS = "refs/heads/"
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[/.]|[/.]$|^$")


def is_preview(environment: Environment) -> bool:
    """Whether an environment comes from a pull request."""
    return environment.origin.kind is OriginKind.PULL_REQUEST


def objection(pull: KnownPullRequest, asked: AskedPreviews) -> Objection | None:
    """What speaks against an environment of a pull request; None where it is to have one."""
    if pull.is_lost:
        said = (
            f"The forge shows no pull request {pull.number} any more, which does not prove that it is closed"
        )
        return Objection(Why.LOST, said)
    if not pull.is_open:
        return Objection(Why.NOT_OPEN, f"It is {pull.told.state}", (pull.told.state,))
    return _of_the_conditions(pull, asked.rules) or _of_the_head(pull, asked)


def standing(
    environment: Environment, pull: KnownPullRequest | None, asked: AskedPreviews
) -> Objection | None:
    """What speaks against taking a pull request's environment further than it is; None where nothing does.

    One of which nothing is known, as after a loss of the records, is left as it is until the forge tells of it.
    """
    if pull is None:
        said = f"The forge has not told of pull request {environment.origin.number} yet"
        return Objection(Why.LOST, said)
    found = objection(pull, asked)
    if found is not None or not pull.told.is_from_fork:
        return found
    approved, told = pull.approved, pull.told.commit
    if approved is None or environment.commit != approved.commit:
        at = environment.commit[:10]
        return Objection(Why.UNAPPROVED, f"It comes from a fork, and nobody approved {at}", (at,))
    if told not in (None, approved.commit):
        return Objection(
            Why.UNAPPROVED, f"Its head moved to {str(told)[:10]}, which nobody approved", (str(told),)
        )
    return None


def wanted_refs(of_all: Asked) -> tuple[str, ...]:
    """The git refs, in full, that a listing has to show for pull requests."""
    asked, pulls = of_all.previews, of_all.pulls
    if asked is None:
        return ()
    return tuple(sorted({_ref(pull, asked) for pull in pulls if objection(pull, asked) is None}))


def follow(
    look: Look, of_all: Asked, known: Sequence[Environment], taken: Collection[str]
) -> list[Environment]:
    """The records of pull requests' environments by a look, and new ones as far as there is room for them.

    `known` are all records of the repository, `taken` the names that are others'.
    """
    asked, pulls, applications = of_all.previews, of_all.pulls, of_all.applications
    by_number = {pull.number: pull for pull in pulls}
    live = living(known)
    after: list[Environment] = []
    for number, records in live.items():
        after += _goes_on(look, asked, by_number.get(number), records, applications)
    if asked is None:
        return after
    against = objections(pulls, known, asked, taken)
    for pull in sorted(pulls, key=lambda each: each.number):
        if pull.number in live or pull.number in against or not pull.is_open:
            continue
        commit = look.listing.refs.get(_ref(pull, asked))
        if commit is None or not _may_run(pull, commit):
            continue
        name = asked.name(pull.number)
        seen = Seen(look, name, pull.told.head, commit, origin=_origin(pull, asked))
        after += seen.all([e for e in known if e.id.name == name], applications)
    return after


def objections(
    pulls: Iterable[KnownPullRequest],
    known: Sequence[Environment],
    asked: AskedPreviews,
    taken: Collection[str] = (),
) -> Mapping[int, Objection]:
    """By number, why open pull requests have no environment: the oldest come first, where there is no room for all."""
    live = living(known)
    room = asked.rules.limit - sum(1 for records in live.values() if any(_takes_room(e) for e in records))
    others = {e.id.name for e in known if e.is_open and not e.refused and not is_preview(e)}
    found: dict[int, Objection] = {}
    for pull in sorted(pulls, key=lambda each: each.number):
        if pull.number in live or not pull.is_open:
            continue
        name = asked.name(pull.number)
        against = objection(pull, asked) or _of_another_head(pull)
        if against is None and (name in others or name in taken):
            against = Objection(Why.NAME, f"Another environment is called {name}", (name,))
        if against is None and room <= 0:
            against = _no_room(asked.rules.limit)
        if against is not None:
            found[pull.number] = against
        else:
            room -= 1
    return found


def living(known: Iterable[Environment]) -> dict[int, list[Environment]]:
    """The open records that come from pull requests, by number."""
    found: dict[int, list[Environment]] = {}
    for each in known:
        if each.is_open and is_preview(each) and each.origin.number is not None:
            found.setdefault(each.origin.number, []).append(each)
    return found


def is_closed(environment: Environment, pulls: Iterable[KnownPullRequest]) -> bool:
    """Whether the forge said of just its pull request that it is closed."""
    return any(pull.number == environment.origin.number and pull.closed > 0 for pull in pulls)


def _goes_on(
    look: Look,
    asked: AskedPreviews | None,
    pull: KnownPullRequest | None,
    records: Sequence[Environment],
    applications: Sequence[str],
) -> list[Environment]:
    if asked is None or pull is None or pull.is_lost:
        return [unsure(each) for each in records]
    if not pull.is_open:
        return [_gone(look, each, pull) for each in records]
    elder = records[0]
    if objection(pull, asked) is not None:
        seen = Seen(look, elder.id.name, elder.branch, elder.commit, origin=elder.origin)
        return seen.all(records, ())
    commit = look.listing.refs.get(_ref(pull, asked))
    if commit is None or not _may_run(pull, commit):
        commit = elder.commit
    seen = Seen(look, elder.id.name, pull.told.head, commit, origin=_origin(pull, asked))
    return seen.all(records, applications)


def _gone(look: Look, before: Environment, pull: KnownPullRequest) -> Environment:
    """Closed, as often as the forge said so; what the listing is worth says whether any of it counts."""
    if look.evidence.waits:
        return without(look, before)
    if not look.evidence.counts or not pull.closed:
        return unsure(before)
    since = pull.closed_at or look.now
    return absent(before, look.now, look.evidence, Absence(since=since, count=pull.closed))


def _may_run(pull: KnownPullRequest, commit: str) -> bool:
    """Whether a commit of its head may be run: of a fork only the very one that a person approved."""
    return not pull.told.is_from_fork or (pull.approved is not None and pull.approved.commit == commit)


def _origin(pull: KnownPullRequest, asked: AskedPreviews) -> Origin:
    ref = asked.ref(pull.number) if pull.told.is_from_fork else None
    return Origin(OriginKind.PULL_REQUEST, number=pull.number, url=pull.told.url or None, ref=ref)


def _ref(pull: KnownPullRequest, asked: AskedPreviews) -> str:
    return asked.ref(pull.number) if pull.told.is_from_fork else f"{HEADS}{pull.told.head}"


def _takes_room(environment: Environment) -> bool:
    """Whether it is one of those that there may be only so many of: one that was brought down is not."""
    return environment.claim is not None or environment.suspended is None


def _no_room(limit: int) -> Objection:
    said = f"{counted(limit, 'pull request')} may have an environment at once (previews.limit): it waits for one to end"
    return Objection(Why.LIMIT, said, (str(limit),))


def _of_the_conditions(pull: KnownPullRequest, rules: PreviewRules) -> Objection | None:
    told = pull.told
    if rules.base and not matches_any(told.base, rules.base):
        said = f"It is to be merged into {ref_component(told.base)}, for which there are no previews"
        return Objection(Why.BASE, said, (told.base,))
    missing = [label for label in rules.labels if label not in told.labels]
    if missing:
        return Objection(Why.LABELS, f"It lacks the label {first(missing, 3)}", tuple(missing))
    if told.is_draft and not rules.drafts:
        return Objection(Why.DRAFT, "It is a draft")
    return _of_the_author(pull, rules)


def _of_the_author(pull: KnownPullRequest, rules: PreviewRules) -> Objection | None:
    login, who = pull.told.author.login, rules.authors
    if who == "anyone":
        return None
    if who == "members":
        if pull.permission is not None and pull.permission.may_write:
            return None
        knows = pull.permission not in (None, Permission.UNKNOWN)
        may = (
            "may not write to the repository"
            if knows
            else "is not known to be one who may write to the repository"
        )
        return Objection(Why.AUTHOR, f"Its author {ref_component(login)} {may}", (login,))
    if any(is_person(each, pull.told.author) for each in who):
        return None
    return Objection(
        Why.AUTHOR, f"Its author {ref_component(login)} is not among previews.when.authors", (login,)
    )


def _of_the_head(pull: KnownPullRequest, asked: AskedPreviews) -> Objection | None:
    head = pull.told.head
    if pull.told.is_from_fork:
        return _of_a_fork(pull, asked)
    if _NO_NAME.search(head) or not _is_text(head):
        return Objection(Why.HEAD, "Its head is not the name of a branch")
    return None


def _of_a_fork(pull: KnownPullRequest, asked: AskedPreviews) -> Objection | None:
    if not asked.rules.forks:
        return Objection(
            Why.FORKS, "It comes from a fork, and these get no environment (previews.when.forks)"
        )
    if not asked.is_caged:
        return Objection(Why.NOT_CAGED, "It comes from a fork, and nothing confines what that runs (cage)")
    if not asked.heads:
        said = "It comes from a fork, whose head this forge does not show to git: it has an environment once its branch is pushed to the repository itself"
        return Objection(Why.NO_REF, said)
    if pull.approved is None:
        said = "It comes from a fork: somebody who may approve has to name its commit, by `/envmgr approve COMMIT`"
        return Objection(Why.UNAPPROVED, said)
    return None


def _of_another_head(pull: KnownPullRequest) -> Objection | None:
    """What speaks against a fork's where somebody approved a commit, and its head is another by now."""
    approved, told = pull.approved, pull.told.commit
    if not pull.told.is_from_fork or approved is None or told in (None, approved.commit):
        return None
    said = f"It comes from a fork, and its head moved to {str(told)[:10]}: somebody who may approve has to name that commit, by `/envmgr approve COMMIT`"
    return Objection(Why.UNAPPROVED, said, (str(told),))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
