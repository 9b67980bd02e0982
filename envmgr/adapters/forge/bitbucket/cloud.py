"""Bitbucket Cloud."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from urllib.parse import urlsplit

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import Dialect, ForgeClient, segment
from envmgr.adapters.forge.lists import changed_meanwhile, in_order
from envmgr.adapters.forge.shortened import shortened
from envmgr.domain.errors import NeedsPerson, NotThere
from envmgr.domain.values.forge import (
    Comment,
    CommentSign,
    CommitStatus,
    DeploymentReport,
    ForgeApproval,
    ForgeKind,
    ForgePerson,
    Permission,
    PullRequest,
    Reaction,
    ReportState,
)
from envmgr.ports.forge import ForgeIdentity, ForgeTraits, ForgeUsage

from .cloud_answers import approvals_of, comment_of, person_of, pull_request_of
from .texts import LONGEST_COMMENT, LONGEST_SENTENCE, address, names

CLOUD = "https://api.bitbucket.org/2.0"
"""Where the Cloud's calls are."""

TRAITS = ForgeTraits(
    kind=ForgeKind.BITBUCKET,
    comment_characters=LONGEST_COMMENT,
    has_deployments=False,  # only Pipelines makes these
    has_reactions=False,
    folds=False,
    hides_comments=False,
    has_labels=False,
    comments_show=CommentSign.COUNT,
)

_PAGE = 50  # more is refused for pull requests
_LONGEST_ADDRESS = 2_000
_STATES = {
    ReportState.PENDING: "INPROGRESS",
    ReportState.RUNNING: "INPROGRESS",
    ReportState.SUCCESS: "SUCCESSFUL",
    ReportState.FAILURE: "FAILED",
    ReportState.INACTIVE: "STOPPED",
}
_PERMISSIONS = {"read": Permission.READ, "write": Permission.WRITE, "admin": Permission.ADMIN}
_NEEDED = {
    "pullrequest:write": "pullrequest:write, to edit its own comments",
    "pullrequest": "pullrequest, to see pull requests and to comment",
    "repository": "repository, to set statuses",
}
_IMPLIED = {
    "pullrequest:write": ("pullrequest", "repository", "repository:write"),
    "pullrequest": ("repository",),
    "repository:write": ("repository",),
    "repository:admin": ("repository", "repository:write"),
}
_TOO_WIDE = ("repository:delete", "project:admin", "account:write", "pipeline:variable", "runner:write")


def dialect(where: str) -> Dialect:
    """How the Cloud is spoken with; the next page of a list is named in its body."""
    return Dialect(where=where, next_page=_next_page)


def places(url: str) -> tuple[str, str]:
    """Where its calls are and where its pages, by an address that is the Cloud's."""
    is_there = (urlsplit(url).hostname or "") in ("bitbucket.org", "api.bitbucket.org")
    return (CLOUD, "https://bitbucket.org") if is_there else (url, url.removesuffix("/2.0"))


class BitbucketCloud:
    """One repository of Bitbucket Cloud. See the port."""

    def __init__(self, client: ForgeClient, repository: str, page: str = "https://bitbucket.org") -> None:
        """Asks by the client for a repository such as `acme/shop`, whose pages are below `page`."""
        self._client = client
        self._workspace, self._slug = names(repository)
        self._path = f"/repositories/{self._workspace}/{self._slug}"
        self._page = f"{page}/{self._workspace}/{self._slug}"
        self._us: ForgePerson | None = None

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

    # --- pull requests ---------------------------------------------------------------------------

    def open_pull_requests(self) -> Sequence[PullRequest]:
        """See the port."""
        query: dict[str, str | int] = {"state": "OPEN", "pagelen": _PAGE, "sort": "created_on"}
        found: dict[int, PullRequest] = {}
        totals = set[int]()
        for answer in self._client.pages(f"{self._path}/pullrequests", query):
            page = answer.as_object()
            totals |= {page.number("size")} if page.has("size") else set()
            for each in page.listed("values"):
                pull = pull_request_of(each, self._page)
                found.setdefault(pull.number, pull)
        # Where one was closed between two pages, the others moved up, and one of them was on neither.
        if len(totals) > 1:
            raise changed_meanwhile("Bitbucket")
        return list(found.values())

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        return pull_request_of(self._client.get(self._at(number)).as_object(), self._page)

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port."""
        query: dict[str, str | int] = {"pagelen": 100, "sort": "created_on"}
        if since is not None:
            # A minute sooner: their clock is not ours.
            asked = (since - timedelta(minutes=1)).astimezone(UTC).isoformat(timespec="seconds")
            query["q"] = f"updated_on >= {asked}"
        pages = self._client.pages(f"{self._at(number)}/comments", query)
        found = (comment_of(each) for page in pages for each in page.as_object().listed("values"))
        return in_order({each.id: each for each in found if each is not None}.values())

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port. Asked for anew what has happened, newest first: an approval itself names no commit here."""
        full = self._client.get(self._at(number)).as_object()
        return approvals_of(full, self._activity(number), commit)

    def _activity(self, number: int) -> Iterator[Answer]:
        return self._client.pages(f"{self._at(number)}/activity", {"pagelen": _PAGE})

    def permission(self, person: ForgePerson) -> Permission:
        """See the port: only an administrator's token is told."""
        # What goes into the query must not be able to end its text.
        if not person.id or '"' in person.id or "\\" in person.id:
            return Permission.UNKNOWN
        path = f"/workspaces/{self._workspace}/permissions/repositories/{self._slug}"
        try:
            pages = list(self._client.pages(path, {"q": f'user.uuid="{person.id}"'}))
        except (NeedsPerson, NotThere):
            return Permission.UNKNOWN
        for each in (each for page in pages for each in page.as_object().listed("values")):
            if each.text_or("", "user", "uuid") == person.id:
                return _PERMISSIONS.get(each.text("permission"), Permission.NONE)
        return Permission.NONE

    # --- what it is told -------------------------------------------------------------------------

    def set_status(self, status: CommitStatus) -> None:
        """See the port."""
        body = {
            "key": _key(status.context),
            "name": status.context[:255],
            "state": _STATES[status.state],
            "url": address(status.url, f"{self._page}/commits/{status.commit}", _LONGEST_ADDRESS),
            "description": shortened(status.sentence, LONGEST_SENTENCE),
        }
        self._client.send("POST", f"{self._path}/commit/{status.commit}/statuses/build", body)

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        path = f"{self._path}/commit/{segment(commit)}/statuses"
        found = self._client.get(path, {"pagelen": 100}).as_object().listed("values")
        return any(
            each.text_or("", "key") == _key(context)
            and each.text_or("", "state") == _STATES[ReportState.PENDING]
            for each in found
        )

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port: nobody but Pipelines makes these here."""
        return known

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        made = self._client.send("POST", f"{self._at(number)}/comments", _content(text)).as_object()
        # A token's own name is told nowhere else.
        self._us = person_of(made.inner("user")) if made.has("user", "uuid") else self._us
        return made.id("id")

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        self._client.send("PUT", self._comment(number, comment), _content(text))

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        try:
            self._client.send("DELETE", self._comment(number, comment))
        except NotThere:
            return

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port: there are no reactions here."""

    def identity(self) -> ForgeIdentity:
        """See the port."""
        scopes = self._scopes()
        held = scopes | {implied for scope in scopes for implied in _IMPLIED.get(scope, ())}
        missing = [text for scope, text in _NEEDED.items() if scope not in held] if scopes else []
        if self._us is None:
            self._us = self._asked_who()
        return ForgeIdentity(
            person=self._us or ForgePerson(id="", login="", is_bot=True),
            missing=tuple(missing),
            too_wide=tuple(scope for scope in _TOO_WIDE if scope in scopes),
        )

    def _scopes(self) -> set[str]:
        """What the token may do, as each answer tells it; nothing where it does not."""
        told = self._client.get(self._path).headers.get("x-oauth-scopes", "")
        return {scope.strip() for scope in told.split(",") if scope.strip()}

    def _asked_who(self) -> ForgePerson | None:
        """A user's token may ask who it is; one of a repository, project or workspace never may."""
        try:
            return person_of(self._client.get("/user").as_object())
        except (NeedsPerson, NotThere):
            return None

    def _at(self, number: int) -> str:
        return f"{self._path}/pullrequests/{number}"

    def _comment(self, number: int, comment: str) -> str:
        if not comment.isdecimal():
            raise NotThere(f"Bitbucket has no comment {comment!r}.")
        return f"{self._at(number)}/comments/{comment}"


def _key(context: str) -> str:
    """The key of a status: none may be longer than 40 characters."""
    return sha1(context.encode(), usedforsecurity=False).hexdigest()


def _content(text: str) -> dict[str, object]:
    return {"content": {"raw": text}}


def _next_page(answer: Answer) -> str | None:
    page = answer.as_object()
    return page.text("next") if page.has("next") else None
