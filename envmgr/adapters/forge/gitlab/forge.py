"""A project on GitLab as the port has it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient, Query
from envmgr.adapters.forge.failure import NotAllowed, said_in
from envmgr.adapters.forge.lists import changed_meanwhile, in_order
from envmgr.domain.errors import NotThere, Transient
from envmgr.domain.values.forge import (
    Comment,
    CommitStatus,
    DeploymentReport,
    ForgeApproval,
    ForgeKind,
    ForgePerson,
    Permission,
    PullRequest,
    Reaction,
)
from envmgr.ports import Clock
from envmgr.ports.forge import ForgeIdentity, ForgeTraits, ForgeUsage

from . import payloads
from .approvals import Approvals
from .deployments import Deployments
from .identity import identity
from .paging import EACH
from .quick_actions import inert
from .statuses import Statuses
from .threads import threaded

TRAITS = ForgeTraits(
    kind=ForgeKind.GITLAB,
    comment_characters=1_000_000,
    has_deployments=True,
    has_reactions=True,
    has_quick_actions=True,
    heads="refs/merge-requests/{number}/head",
)

_EMOJI = {Reaction.SEEN: "eyes", Reaction.DONE: "white_check_mark", Reaction.REFUSED: "no_entry_sign"}
_SLACK = timedelta(minutes=1)


class GitLab:
    """See the port. By a token of the project or its group with the role Developer and the scope `api`; nothing less may write."""

    def __init__(
        self, client: ForgeClient, repository: str, clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        """The project by its whole path, with the groups that it is in."""
        self._client = client
        self._project = f"/projects/{quote(repository, safe='')}"
        self._approvals = Approvals(client, self._project, clock)
        self._statuses = Statuses(client, self._project, lambda: self._own.id)
        self._deployments = Deployments(client, self._project, lambda: self._own.id)
        self._known_own: ForgePerson | None = None

    @property
    def traits(self) -> ForgeTraits:
        """See the port."""
        return TRAITS

    @property
    def account(self) -> str:
        """See the port."""
        return self._client.account

    @property
    def usage(self) -> ForgeUsage:
        """See the port."""
        return self._client.budget.usage

    def open_pull_requests(self) -> Sequence[PullRequest]:
        """See the port."""
        query: Query = {"state": "opened", "order_by": "created_at", "sort": "asc", "per_page": EACH}
        found: dict[int, PullRequest] = {}
        totals = set[str]()
        for page in self._client.pages(f"{self._project}/merge_requests", query):
            totals.add(page.headers.get("x-total", ""))
            for each in map(payloads.pull_request, page.as_objects()):
                found.setdefault(each.number, each)
        if len(totals) > 1:
            raise changed_meanwhile("GitLab", "merge requests")
        return list(found.values())

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        return payloads.pull_request(self._client.get(self._request(number)).as_object())

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port. With `since` they are read from the one that changed last on, and no further than needed.

        Which of a thread began it, only the list of threads tells: that is asked for where one of them is in any.
        """
        order, sort = ("created_at", "asc") if since is None else ("updated_at", "desc")
        query: Query = {
            "activity_filter": "only_comments",
            "order_by": order,
            "sort": sort,
            "per_page": EACH,
        }
        found: dict[str, Comment] = {}
        for page in self._client.pages(f"{self._request(number)}/notes", query):
            notes = page.as_objects()
            for comment in filter(None, map(payloads.comment, notes)):
                found.setdefault(comment.id, comment)
            if since is not None and notes and notes[-1].moment("updated_at") < since - _SLACK:
                break
        wanted = list(found.values()) if since is None else _changed(found, since)
        if any(each.is_reply for each in wanted):
            wanted = threaded(wanted, self._threads(number))
        return in_order(wanted)

    def _threads(self, number: int) -> Iterator[Object]:
        for page in self._client.pages(f"{self._request(number)}/discussions", {"per_page": EACH}):
            yield from page.as_objects()

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port."""
        return self._approvals.of(number, commit)

    def permission(self, person: ForgePerson) -> Permission:
        """See the port. Who is no member may do nothing, also where everybody sees the project."""
        if not (person.id.isascii() and person.id.isdigit()):
            return Permission.NONE
        try:
            member = self._client.get(f"{self._project}/members/all/{person.id}").as_object()
        except NotThere:
            return Permission.NONE
        return payloads.permission(member) if member.id("id") == person.id else Permission.UNKNOWN

    def set_status(self, status: CommitStatus) -> None:
        """See the port."""
        self._statuses.set(status)

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        return self._statuses.is_open(commit, context)

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port."""
        return self._deployments.report(report, known)

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        made = self._client.send("POST", f"{self._request(number)}/notes", {"body": inert(text)})
        if made.status != 201:
            # 202: all of it was obeyed and nothing written, which no text of ours may come to.
            raise Transient("GitLab did not answer as it should: it wrote no comment.")
        return made.as_object().id("id")

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        self._client.send("PUT", self._note(number, comment), {"body": inert(text)})

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        with suppress(NotThere):
            self._client.send("DELETE", self._note(number, comment))

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port."""
        path = f"{self._note(number, comment)}/award_emoji"
        answer = self._client.send("POST", path, {"name": _EMOJI[reaction]}, expected=(404,))
        if answer.status == 404 and "already been taken" not in said_in(answer.body):
            raise NotThere("The comment is not there any more.")

    def identity(self) -> ForgeIdentity:
        """See the port. Of a token that is no access token, as one of OAuth, GitLab tells nothing."""
        own, token = self._who(), None
        with suppress(NotThere, NotAllowed):
            token = self._client.get("/personal_access_tokens/self").as_object()
        return identity(own, self.permission(own), token)

    @property
    def _own(self) -> ForgePerson:
        if self._known_own is None:
            self._known_own = self._who()
        return self._known_own

    def _who(self) -> ForgePerson:
        return payloads.person(self._client.get("/user").as_object())

    def _request(self, number: int) -> str:
        return f"{self._project}/merge_requests/{number}"

    def _note(self, number: int, comment: str) -> str:
        if not (comment.isascii() and comment.isdigit()):
            raise NotThere("There is no such comment on GitLab.")
        return f"{self._request(number)}/notes/{comment}"


def _changed(found: dict[str, Comment], since: datetime) -> list[Comment]:
    """Those from `since` on; one that was edited since then is among them, however old it is."""
    return [each for each in found.values() if each.is_edited or each.at >= since - _SLACK]
