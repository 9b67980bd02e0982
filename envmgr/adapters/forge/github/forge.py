"""A repository on GitHub as the port has it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from envmgr.adapters.forge.client import ForgeClient, Query, segment
from envmgr.adapters.forge.commit_status import is_pending, status_body
from envmgr.adapters.forge.failure import NotAllowed
from envmgr.adapters.forge.lists import changed_meanwhile, in_order, in_utc
from envmgr.domain.errors import NotThere
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

from . import identity, payloads
from .app import AppSignIn
from .deployments import SENTENCE, Deployments
from .speaking import PAGE

TRAITS = ForgeTraits(
    kind=ForgeKind.GITHUB,
    comment_characters=65_536,
    has_deployments=True,
    has_reactions=True,
    heads="refs/pull/{number}/head",
)

_REACTIONS = {Reaction.SEEN: "eyes", Reaction.DONE: "+1", Reaction.REFUSED: "-1"}


class GitHub:
    """See the port. By a token, or as an App by its installation on just this repository."""

    def __init__(self, client: ForgeClient, repository: str, app: AppSignIn | None = None) -> None:
        """The repository by its owner and name; `app` where the client signs in as one."""
        owner, _, name = repository.partition("/")
        self._client, self._app = client, app
        self._path = f"/repos/{segment(owner)}/{segment(name)}"
        self._deployments = Deployments(client, self._path)

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
        query: Query = {"state": "open", "sort": "created", "direction": "asc", "per_page": PAGE}
        pages = list(self._client.pages(f"{self._path}/pulls", query))
        if any(payloads.numbers(page) != payloads.numbers(self._client.again(page)) for page in pages[:-1]):
            raise changed_meanwhile(self._client.dialect.where)
        found: dict[int, PullRequest] = {}
        for each in (payloads.pull_request(each) for page in pages for each in page.as_objects()):
            found.setdefault(each.number, each)
        return list(found.values())

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        return payloads.pull_request(self._client.get(f"{self._path}/pulls/{number}").as_object())

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port."""
        query: dict[str, str | int] = {"per_page": PAGE}
        if since is not None:
            query["since"] = in_utc(since)
        found: dict[str, Comment] = {}
        for page in self._client.pages(f"{self._path}/issues/{number}/comments", query):
            for each in map(payloads.comment, page.as_objects()):
                found.setdefault(each.id, each)
        return in_order(found.values())

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port."""
        author = self.pull_request(number).author
        pages = self._client.pages(f"{self._path}/pulls/{number}/reviews", {"per_page": PAGE})
        reviews = [each for page in pages for each in page.as_objects()]
        return payloads.approvals(reviews, author, commit)

    def permission(self, person: ForgePerson) -> Permission:
        """See the port."""
        if not person.id or not person.login:
            return Permission.NONE
        path = f"{self._path}/collaborators/{segment(person.login)}/permission"
        try:
            return payloads.permission(self._client.get(path).as_object(), person)
        except NotThere:
            return Permission.NONE
        except NotAllowed:
            return Permission.UNKNOWN

    def set_status(self, status: CommitStatus) -> None:
        """See the port."""
        path = f"{self._path}/statuses/{segment(status.commit)}"
        self._client.send("POST", path, status_body(status, SENTENCE))

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        path = f"{self._path}/commits/{segment(commit)}/status"
        return is_pending(self._client.get(path, {"per_page": 100}), context, "state")

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port."""
        return self._deployments.report(report, known)

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        path = f"{self._path}/issues/{number}/comments"
        return self._client.send("POST", path, {"body": text}).as_object().id("id")

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        self._client.send("PATCH", self._comment(comment), {"body": text})

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        with suppress(NotThere):
            self._client.send("DELETE", self._comment(comment))

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port."""
        self._client.send("POST", f"{self._comment(comment)}/reactions", {"content": _REACTIONS[reaction]})

    def identity(self) -> ForgeIdentity:
        """See the port."""
        if self._app is not None:
            return identity.by_app(self._client, self._app)
        return identity.by_token(self._client, self._path)

    def _comment(self, comment: str) -> str:
        return f"{self._path}/issues/comments/{segment(comment)}"
