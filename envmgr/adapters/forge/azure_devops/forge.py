"""Azure DevOps."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient, segment
from envmgr.adapters.forge.lists import in_order
from envmgr.adapters.forge.shortened import shortened
from envmgr.domain.errors import NotThere
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

from .answers import comments_of, labels_of, merged_of, newest, pull_request_of
from .labels import Labels
from .place import VERSION, Place
from .rights import Rights
from .votes import approvals_of

TRAITS = ForgeTraits(
    kind=ForgeKind.AZURE_DEVOPS,
    comment_characters=150_000,
    has_deployments=False,  # only Pipelines makes these
    has_reactions=True,
    comments_show=CommentSign.NOWHERE,
    heads="refs/pull/{number}/merge",
    heads_are_merges=True,
)

_LONGEST_SENTENCE = 255
_PAGE = 1_000  # one that is closed between two pages moves the others up, so there is to be but one
_STATES = {
    ReportState.PENDING: "pending",
    ReportState.RUNNING: "pending",
    ReportState.SUCCESS: "succeeded",
    ReportState.FAILURE: "failed",
    ReportState.INACTIVE: "notApplicable",
}


class AzureDevOps:
    """One repository on Azure DevOps. See the port."""

    def __init__(
        self,
        client: ForgeClient,
        identities: ForgeClient,
        place: Place,
        clock: Callable[[], float] = time.monotonic,
        *,
        needs_labels: bool = True,
    ) -> None:
        """Asks by `client` below the organization's address, and by `identities` where that knows people by.

        `needs_labels`: labels that a list lacks are asked for, one pull request after the other.
        """
        self._client, self._place, self._path = client, place, place.path
        self._rights = Rights(client, identities, place)
        self._labels, self._needs_labels = Labels(clock), needs_labels

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
        """See the port. Where a head is, only each pull request's iterations say surely; a list is asked without them.

        Of a fork that one is told whose merge was tried last: just that is what git is shown of it.
        """
        query: dict[str, str | int] = {"searchCriteria.status": "active", "$top": _PAGE, **VERSION}
        pages = self._client.pages(f"{self._path}/pullrequests", query)
        found = {
            each.number("pullRequestId"): each for page in pages for each in page.as_object().listed("value")
        }
        return [self._pull_request(each, merged_of(each)) for each in found.values()]

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        found = self._client.get(f"{self._path}/pullrequests/{number}", VERSION).as_object()
        iteration = newest(self._iterations(number))
        commit = iteration.text("sourceRefCommit", "commitId") if iteration is not None else None
        return self._pull_request(found, commit)

    def _pull_request(self, found: Object, commit: str | None) -> PullRequest:
        number = found.number("pullRequestId")
        labels = (
            labels_of(found.listed("labels"))
            if found.has("labels") or not self._needs_labels
            else self._labels.of(number, lambda: labels_of(self._list(number, "labels")))
        )
        return pull_request_of(found, self._place.page, commit, labels)

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port. Threads are told all at once."""
        first = since - timedelta(minutes=1) if since is not None else None
        threads = self._list(number, "threads")
        found = {each.id: each for thread in threads for each in comments_of(thread)}
        return in_order(each for each in found.values() if first is None or each.at >= first)

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port."""
        full = self._client.get(f"{self._path}/pullrequests/{number}", VERSION).as_object()
        threads = self._list(number, "threads")
        # Asked for last: a push after the votes were read is seen.
        iteration = newest(self._iterations(number))
        return approvals_of(full, threads, iteration, commit) if iteration is not None else []

    def permission(self, person: ForgePerson) -> Permission:
        """See the port."""
        return self._rights.of(person)

    # --- what it is told -------------------------------------------------------------------------

    def set_status(self, status: CommitStatus) -> None:
        """See the port. Told of the commit and of the pull request, each shows only its own."""
        genre, _, name = status.context.rpartition("/")
        body: dict[str, object] = {
            "state": _STATES[status.state],
            "description": shortened(status.sentence, _LONGEST_SENTENCE),
            "context": {"genre": genre, "name": name},
        }
        if status.url:
            body["targetUrl"] = status.url
        self._write("POST", f"{self._path}/commits/{status.commit}/statuses", body)
        if status.number is None:
            return
        # Without the iteration a policy that forgets statuses at each push refuses it; a commit that is none's is no head.
        meant = [
            each
            for each in self._iterations(status.number)
            if each.text_or("", "sourceRefCommit", "commitId") == status.commit
        ]
        iteration = newest(meant)
        if iteration is not None:
            path = f"{self._at(status.number)}/statuses"
            self._write("POST", path, {**body, "iterationId": iteration.number("id")})

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        genre, _, name = context.rpartition("/")
        query: dict[str, str | int] = {"latestOnly": "true", "top": _PAGE, **VERSION}
        found = self._client.get(f"{self._path}/commits/{segment(commit)}/statuses", query).as_object()
        return any(
            (each.text_or("", "context", "genre"), each.text_or("", "context", "name")) == (genre, name)
            and each.text_or("", "state") == _STATES[ReportState.PENDING]
            for each in found.listed("value")
        )

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port: nobody but Pipelines makes these here."""
        return known

    def create_comment(self, number: int, text: str) -> str:
        """See the port. A thread that is not closed would keep the pull request from being merged where a policy says so."""
        body = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}],
            "status": "closed",
        }
        thread = self._write("POST", f"{self._at(number)}/threads", body)
        return f"{thread.number('id')}/{thread.listed('comments')[0].number('id')}"

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        self._write("PATCH", self._comment(number, comment), {"content": text})

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        try:
            self._client.send("DELETE", self._comment(number, comment), query=VERSION)
        except NotThere:
            return

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port: a comment can be liked, and nothing else."""
        if reaction is not Reaction.REFUSED:
            path = f"{self._comment(number, comment)}/likes"
            self._client.send("POST", path, query=VERSION, expected={HTTPStatus.CONFLICT})

    def identity(self) -> ForgeIdentity:
        """See the port."""
        return self._rights.own()

    # --- asking ----------------------------------------------------------------------------------

    def _iterations(self, number: int) -> list[Object]:
        return self._list(number, "iterations")

    def _list(self, number: int, what: str) -> list[Object]:
        return self._client.get(f"{self._at(number)}/{what}", VERSION).as_object().listed("value")

    def _write(self, method: str, path: str, body: object) -> Object:
        return self._client.send(method, path, body, query=VERSION).as_object()

    def _at(self, number: int) -> str:
        return f"{self._path}/pullRequests/{number}"

    def _comment(self, number: int, comment: str) -> str:
        thread, _, within = comment.partition("/")
        if not (thread.isdecimal() and within.isdecimal()):
            raise NotThere(f"Azure DevOps has no comment {comment!r}.")
        return f"{self._at(number)}/threads/{thread}/comments/{within}"
