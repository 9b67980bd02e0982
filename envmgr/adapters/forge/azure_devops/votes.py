"""Which votes approve just one commit: a vote names none, and stays after a push unless a policy takes it away."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from envmgr.adapters.forge.answer import Object
from envmgr.domain.values.forge import ForgeApproval

from .answers import person_of

_APPROVED = 5  # with suggestions; 10 without


def approvals_of(
    full: Object, threads: Iterable[Object], iteration: Object, commit: str
) -> list[ForgeApproval]:
    """The votes that stand and were given after the newest iteration; none where that is not of this commit.

    When somebody voted is told by a thread that Azure DevOps writes for each vote. Without such a one a vote
    counts for nothing: that of a group, which follows from its members', has none.
    """
    if iteration.text_or("", "sourceRefCommit", "commitId") != commit:
        return []
    voted = _last_votes(threads)
    author, pushed = full.text("createdBy", "id"), iteration.moment("createdDate")
    found = []
    for reviewer in full.listed("reviewers"):
        person = person_of(reviewer)
        vote, at = voted.get(person.id, (0, pushed))
        stands = (
            reviewer.has("vote") and reviewer.number("vote") >= _APPROVED and not reviewer.flag("hasDeclined")
        )
        if stands and vote >= _APPROVED and at > pushed and person.id != author and not person.is_bot:
            found.append(ForgeApproval(person, commit, at))
    return found


def _last_votes(threads: Iterable[Object]) -> dict[str, tuple[int, datetime]]:
    """How everybody voted last, and when."""
    found: dict[str, tuple[int, datetime]] = {}
    for thread in threads:
        if _said(thread, "CodeReviewThreadType") != "VoteUpdate":
            continue
        voter, at = _voter(thread), thread.moment("publishedDate")
        if voter and (voter not in found or found[voter][1] <= at):
            found[voter] = (_number(_said(thread, "CodeReviewVoteResult")), at)
    return found


def _voter(thread: Object) -> str:
    """Whose vote a thread tells of; nobody's where it says two things of that, or that another gave it."""
    roles = ("CodeReviewVotedBy", "CodeReviewVotedByInitiator")
    said = {each for role in roles for each in _people(thread, role)}
    return said.pop() if len(said) == 1 else ""


def _people(thread: Object, role: str) -> Iterator[str]:
    """Who has a role, as it is told: by ID, by a place in the thread's list of people, or both."""
    place = _said(thread, f"{role}Identity")
    for person in (
        _said(thread, f"{role}TfId"),
        thread.text_or("", "identities", place, "id") if place else "",
    ):
        if person:
            yield person


def _said(thread: Object, name: str) -> str:
    """A property of a thread, which is wrapped in its type."""
    return thread.text_or("", "properties", name, "$value")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0  # those below none do not approve
