"""Bitbucket Data Center."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.adapters.forge.client import Dialect, ForgeClient, segment
from envmgr.adapters.forge.lists import in_order
from envmgr.adapters.forge.shortened import shortened
from envmgr.domain.errors import NeedsPerson, NotThere, Transient
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

from .data_center_answers import approvals_of, comments_of, dated, moment, person_of, pull_request_of
from .texts import LONGEST_COMMENT, LONGEST_SENTENCE, address, is_address, names

API = "/rest/api/latest"
"""Where the calls are below a Data Center's address."""

TRAITS = ForgeTraits(
    kind=ForgeKind.BITBUCKET,
    comment_characters=LONGEST_COMMENT,
    has_deployments=True,
    has_reactions=False,
    folds=False,
    hides_comments=False,
    has_labels=False,
    comments_show=CommentSign.COUNT,
    heads="refs/pull-requests/{number}/from",
)

_PAGE, _LARGEST_PAGE = 100, 1_000
_LONGEST_KEY, _LONGEST_ADDRESS = 255, 450
_TRIES = 3
_MOST_NUMBERS = 1_000
_STATES = {
    ReportState.PENDING: "INPROGRESS",
    ReportState.RUNNING: "INPROGRESS",
    ReportState.SUCCESS: "SUCCESSFUL",
    ReportState.FAILURE: "FAILED",
    ReportState.INACTIVE: "CANCELLED",
}
_DEPLOYMENT_STATES = {
    ReportState.PENDING: "PENDING",
    ReportState.RUNNING: "IN_PROGRESS",
    ReportState.SUCCESS: "SUCCESSFUL",
    ReportState.FAILURE: "FAILED",
    ReportState.INACTIVE: "ROLLED_BACK",  # the nearest to gone
}
_PERMISSIONS = {
    "REPO_ADMIN": Permission.ADMIN,
    "REPO_WRITE": Permission.WRITE,
    "REPO_READ": Permission.READ,
}


def dialect(where: str) -> Dialect:
    """How a Data Center is spoken with; a list's next page begins where its body says."""
    return Dialect(where=where, next_page=_next_page)


class BitbucketDataCenter:
    """One repository of a Bitbucket Data Center. See the port."""

    def __init__(
        self, client: ForgeClient, repository: str, page: str, clock: Callable[[], float] = time.time
    ) -> None:
        """Asks by the client for a repository such as `ACME/shop` or `~alice/shop`; `page` is the Data Center's address."""
        self._client, self._clock = client, clock
        self._project, self._slug = names(repository)
        self._path = f"/projects/{self._project}/repos/{self._slug}"
        self._page = f"{page}{self._path}"
        self._us: ForgePerson | None = None
        self._numbers: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

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
        query: dict[str, str | int] = {
            "state": "OPEN",
            "direction": "INCOMING",
            "order": "OLDEST",
            # One that is closed between two pages moves the others up, so there is to be but one.
            "limit": _LARGEST_PAGE,
        }
        found = [
            pull_request_of(each, self._page) for each in self._listed(f"{self._path}/pull-requests", query)
        ]
        return list({each.number: each for each in found}.values())

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        return pull_request_of(self._client.get(self._at(number)).as_object(), self._page)

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port. Those that are about no file are told only among all that happened, newest first."""
        first = since - timedelta(minutes=1) if since is not None else None
        found: dict[str, Comment] = {}
        for page in self._client.pages(f"{self._at(number)}/activities", {"limit": _PAGE}):
            entries = page.as_object().listed("values")
            found |= {each.id: each for entry in entries for each in comments_of(entry)}
            if first is not None and any(moment(entry, "createdDate") < first for entry in entries):
                break
        return in_order(each for each in found.values() if first is None or each.at >= first)

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port. When they were given is told only among all that happened, newest first."""
        given = approvals_of(self._client.get(self._at(number)).as_object(), commit)
        if not given:
            return []
        pages = self._client.pages(f"{self._at(number)}/activities", {"limit": _PAGE})
        return dated(given, (each for page in pages for each in page.as_object().listed("values")))

    def permission(self, person: ForgePerson) -> Permission:
        """See the port: who has a right by a group or by the project is told as well."""
        if not person.login:
            return Permission.UNKNOWN
        try:
            for asked, permission in _PERMISSIONS.items():
                if person.id in {each.id for each in self._users(person.login, asked)}:
                    return permission
        except (NeedsPerson, NotThere):
            return Permission.UNKNOWN
        return Permission.NONE

    def _users(self, name: str, permission: str | None = None) -> list[ForgePerson]:
        """People whose name has a text in it, and who have a permission here."""
        query: dict[str, str | int] = {"filter": name, "limit": _PAGE}
        if permission is not None:
            # Numbered from one: a filter with another number is ignored, and everybody is answered.
            query |= {
                "permission.1": permission,
                "permission.1.projectKey": unquote(self._project),
                "permission.1.repositorySlug": unquote(self._slug),
            }
        return [person_of(each) for each in self._listed("/users", query)]

    # --- what it is told -------------------------------------------------------------------------

    def set_status(self, status: CommitStatus) -> None:
        """See the port."""
        body = {
            "key": _key(status.context),
            "name": status.context[:255],
            # By this a "required builds" check of the repository can name all of them.
            "parent": status.context.partition("/")[0],
            "state": _STATES[status.state],
            "url": address(status.url, self._commit_page(status.commit), _LONGEST_ADDRESS),
            "description": shortened(status.sentence, LONGEST_SENTENCE),
        }
        self._client.send("POST", f"{self._path}/commits/{status.commit}/builds", body)

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        path = f"{self._path}/commits/{segment(commit)}/builds"
        try:
            found = self._client.get(path, {"key": _key(context)}).as_object()
        except NotThere:
            return False
        return found.text_or("", "state") == _STATES[ReportState.PENDING]

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port."""
        number = self._number(report, known)
        place: dict[str, str] = {
            "key": _key(report.environment),
            "displayName": report.environment[:255],
            "type": "PRODUCTION" if report.is_production else "DEVELOPMENT",
        }
        if report.url is not None and is_address(report.url, _LONGEST_ADDRESS):
            place["url"] = report.url
        body = {
            "key": _key(f"envmgr/{report.environment}"),
            "displayName": report.environment[:255],
            "description": shortened(report.sentence, LONGEST_SENTENCE) or report.environment[:255],
            "deploymentSequenceNumber": number,
            "environment": place,
            "state": _DEPLOYMENT_STATES[report.state],
            "url": address(report.log_url or report.url, self._commit_page(report.commit), _LONGEST_ADDRESS),
        }
        self._client.send("POST", f"{self._path}/commits/{report.commit}/deployments", body)
        return str(number)

    def _number(self, report: DeploymentReport, known: str) -> int:
        """What a deployment is known by. The newest has the highest: a new one gets the time of day, once for its commit."""
        key = (report.environment, report.commit)
        with self._lock:
            if known.isdecimal():
                self._numbers[key] = int(known)
            elif key not in self._numbers:
                self._numbers[key] = max(int(self._clock()), max(self._numbers.values(), default=0) + 1)
            while len(self._numbers) > _MOST_NUMBERS:
                del self._numbers[next(iter(self._numbers))]
            return self._numbers[key]

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        made = self._client.send("POST", f"{self._at(number)}/comments", {"text": text}).as_object()
        self._us = person_of(made.inner("author"))
        return str(made.number("id"))

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port. An edit names the version that it replaces."""
        path = self._comment(number, comment)
        for _ in range(_TRIES):
            body = {"text": text, "version": self._client.get(path).as_object().number("version")}
            if self._client.send("PUT", path, body, expected={HTTPStatus.CONFLICT}).status < 400:
                return
        raise Transient(f"Comment {comment} of pull request {number} changes as fast as it is edited.")

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port. One that was answered cannot go: only what it said does."""
        try:
            path = self._comment(number, comment)
            version = self._client.get(path).as_object().number("version")
            gone = self._client.send(
                "DELETE", path, query={"version": version}, expected={HTTPStatus.CONFLICT}
            )
            if gone.status == HTTPStatus.CONFLICT:
                self.edit_comment(number, comment, "…")
        except NotThere:
            return

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port: there are no reactions here."""

    def identity(self) -> ForgeIdentity:
        """See the port. Who a token is stands in a header of each answer."""
        answer = self._client.get(self._path)
        name = unquote(answer.headers.get("x-ausername", ""))
        if self._us is None and name:
            self._us = next((each for each in self._users(name) if each.login == name), None)
        is_admin = self._us is not None and self.permission(self._us) is Permission.ADMIN
        return ForgeIdentity(
            person=self._us or ForgePerson(id="", login=name, is_bot=True),
            too_wide=("REPO_ADMIN: reading is enough",) if is_admin else (),
        )

    # --- addresses -------------------------------------------------------------------------------

    def _listed(self, path: str, query: dict[str, str | int]) -> list[Object]:
        return [
            each for page in self._client.pages(path, query) for each in page.as_object().listed("values")
        ]

    def _at(self, number: int) -> str:
        return f"{self._path}/pull-requests/{number}"

    def _comment(self, number: int, comment: str) -> str:
        if not comment.isdecimal():
            raise NotThere(f"Bitbucket has no comment {comment!r}.")
        return f"{self._at(number)}/comments/{comment}"

    def _commit_page(self, commit: str) -> str:
        return f"{self._page}/commits/{commit}"


def _key(text: str) -> str:
    """A text as a key: itself, or what stands for it where it is too long."""
    return text if len(text) <= _LONGEST_KEY else sha256(text.encode()).hexdigest()


def _next_page(answer: Answer) -> str | None:
    page = answer.as_object()
    if page.flag("isLastPage") or not page.has("nextPageStart"):
        return None
    parts = urlsplit(answer.url)
    query = {**dict(parse_qsl(parts.query)), "start": str(page.number("nextPageStart"))}
    return parts._replace(query=urlencode(query)).geturl()
