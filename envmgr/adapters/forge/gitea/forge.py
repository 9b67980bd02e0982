"""A repository on Gitea or Forgejo as the port has it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.adapters.forge.client import ForgeClient, Query, segment
from envmgr.adapters.forge.commit_status import is_pending, status_body
from envmgr.adapters.forge.failure import NotAllowed
from envmgr.adapters.forge.lists import in_order, in_utc
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
from envmgr.ports.forge import ForgeIdentity, ForgeTraits, ForgeUsage

from . import payloads
from .paging import total_of

LONGEST = 255
"""How long a status' name and sentence are made: Gitea takes any, and shows no more on a line."""

TRAITS = ForgeTraits(
    kind=ForgeKind.GITEA,
    comment_characters=65_536,
    has_deployments=False,
    has_reactions=True,
    heads="refs/pull/{number}/head",
)

_EMOJI = {Reaction.SEEN: "eyes", Reaction.DONE: "+1", Reaction.REFUSED: "-1"}
_PAGE = (
    50  # the most that a server gives unless it was told otherwise; one that gives less is asked more often
)


class Gitea:
    """See the port. By a token of a user of its own with the scopes `write:repository`, `write:issue` and `read:user`."""

    def __init__(self, client: ForgeClient, repository: str) -> None:
        """The repository by its owner and name."""
        owner, _, name = repository.partition("/")
        self._client = client
        self._repository = f"/repos/{segment(owner)}/{segment(name)}"
        self._page: int | None = None

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
        found: dict[int, PullRequest] = {}
        total = 0
        for page in self._pages("/pulls", state="open", sort="oldest"):
            for request in map(payloads.pull_request, page.as_objects()):
                found.setdefault(request.number, request)
            total = total_of(page) or 0
        if len(found) < total:
            self._page = None  # its pages have become shorter, or one was closed meanwhile
            raise Transient("Gitea gave fewer pull requests than it counts; it is asked again.")
        return list(found.values())

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        return payloads.pull_request(self._client.get(f"{self._repository}/pulls/{number}").as_object())

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port. Gitea gives them all at once."""
        query = {"since": in_utc(since)} if since is not None else None
        answer = self._client.get(f"{self._repository}/issues/{number}/comments", query)
        found = {each.id: each for each in map(payloads.comment, answer.as_objects())}
        return in_order(found.values())

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port: by the newest verdict of each reviewer."""
        author = self.pull_request(number).author
        verdicts: dict[str, Object] = {}
        reviews = [each for page in self._pages(f"/pulls/{number}/reviews") for each in page.as_objects()]
        for each in reviews:
            if payloads.is_verdict(each) and each.has("user"):
                who = each.id("user", "id")
                if who not in verdicts or verdicts[who].number("id") < each.number("id"):
                    verdicts[who] = each
        return [
            ForgeApproval(person, commit, review.moment_or_none("submitted_at"))
            for review in verdicts.values()
            if payloads.approves(review, commit)
            and (person := payloads.person(review, "user")).id != author.id
            and not person.is_bot
        ]

    def permission(self, person: ForgePerson) -> Permission:
        """See the port. Only administrators of the repository may ask for that of others."""
        try:
            found = self._client.get(
                f"{self._repository}/collaborators/{segment(person.login)}/permission"
            ).as_object()
        except NotAllowed:
            return Permission.UNKNOWN
        except NotThere:
            return Permission.NONE
        # Asked for by a login, which somebody else may have by now.
        is_same = found.has("user") and found.id("user", "id") == person.id
        return payloads.permission(found) if is_same else Permission.UNKNOWN

    def set_status(self, status: CommitStatus) -> None:
        """See the port. The newest of a name is the one that counts."""
        path = f"{self._repository}/statuses/{segment(status.commit)}"
        self._client.send("POST", path, status_body(status, LONGEST))

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        path = f"{self._repository}/commits/{segment(commit)}/status"
        return is_pending(self._client.get(path, {"limit": 50}), context, "status")

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port: Gitea has none."""
        return known

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        made = self._client.send("POST", f"{self._repository}/issues/{number}/comments", {"body": text})
        return made.as_object().id("id")

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        answer = self._client.send("PATCH", self._comment(comment), {"body": text})
        if answer.status == HTTPStatus.NO_CONTENT:
            raise NotThere("What is there on Gitea is no comment that can be edited.")

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        with suppress(NotThere):
            self._client.send("DELETE", self._comment(comment))

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port. Which reactions there are is set by whoever runs the forge; one that there is not is left out."""
        with suppress(NotAllowed):
            self._client.send("POST", f"{self._comment(comment)}/reactions", {"content": _EMOJI[reaction]})

    def identity(self) -> ForgeIdentity:
        """See the port. What the token may do, and when it ends, Gitea does not tell."""
        user = self._client.get("/user").as_object()
        own = payloads.person(user)
        permission = self.permission(own)
        missing = []
        if permission in (Permission.NONE, Permission.READ):
            missing.append("the right to write to the repository")
        too_wide = ["it administers the whole forge"] if user.flag("is_admin") else []
        return ForgeIdentity(person=own, missing=tuple(missing), too_wide=tuple(too_wide))

    def _pages(self, path: str, **query: str) -> Iterator[Answer]:
        asked: Query = {**query, "limit": self._page_size(), "page": 1}
        return self._client.pages(f"{self._repository}{path}", asked)

    def _page_size(self) -> int:
        """How many a page holds; asked for more, a server would give fewer and not say so."""
        if self._page is None:
            limits = self._client.get("/settings/api").as_object()
            most = limits.number("max_response_items") if limits.has("max_response_items") else 1
            self._page = max(1, min(most, _PAGE))
        return self._page

    def _comment(self, comment: str) -> str:
        if not (comment.isascii() and comment.isdigit()):
            raise NotThere("There is no such comment on Gitea.")
        return f"{self._repository}/issues/comments/{comment}"
