"""Commit statuses, which GitLab keeps as jobs of pipelines."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient, Query, segment
from envmgr.adapters.forge.failure import Declined
from envmgr.adapters.forge.shortened import shortened
from envmgr.domain.errors import NotThere, RetryLater
from envmgr.domain.values.forge import CommitStatus, ReportState

from .paging import EACH
from .payloads import commit, is_from_fork

LONGEST = 255
"""How long names, sentences and addresses may be."""

_STATES = {
    ReportState.PENDING: "pending",
    ReportState.RUNNING: "running",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failed",
    ReportState.INACTIVE: "canceled",
}
_ENDED = (ReportState.SUCCESS, ReportState.FAILURE, ReportState.INACTIVE)
_OPEN = ("created", "pending", "running")
# A job that waits or runs already cannot be told to: GitLab refuses what is so.
_IS_SO = re.compile(r"via :enqueue from :(pending|running)\b|via :run from :running\b")
_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Statuses:
    """The statuses of a project's commits; `own` gives the number of the user that envmgr is."""

    client: ForgeClient
    project: str
    own: Callable[[], str]

    def set(self, status: CommitStatus) -> None:
        """See the port."""
        place = self._place(status)
        try:
            pipeline = self._post(status, place)
        except NotThere:
            if "pipeline_id" not in place:
                raise
            pipeline = self._post(status, {})  # the pipeline is gone, or too old to be added to
        if status.state in _ENDED:
            self._end_elsewhere(status, pipeline)

    def _place(self, status: CommitStatus) -> Mapping[str, str | int]:
        """In which pipeline it belongs: in that which the merge request shows, else it would land in another one of the commit."""
        if status.number is None:
            # Of the commit of a new branch the newest pipeline may be that of the branch it began at.
            return {"ref": status.branch} if status.branch else {}
        found = self.client.get(f"{self.project}/merge_requests/{status.number}").as_object()
        if found.has("head_pipeline") and commit(found, "head_pipeline", "sha") == status.commit:
            return {"pipeline_id": found.number("head_pipeline", "id")}
        if is_from_fork(found):
            # No branch of this project has the commit, so GitLab would find no name for its pipeline.
            return {"ref": f"refs/merge-requests/{status.number}/head"}
        return {"ref": found.text("source_branch")} if commit(found, "sha") == status.commit else {}

    def _post(self, status: CommitStatus, place: Mapping[str, str | int]) -> int | None:
        """Has it so; gives the pipeline that it is in, where GitLab says."""
        said: dict[str, str | int] = {
            "state": _STATES[status.state],
            "name": status.context[:LONGEST],
            "description": shortened(status.sentence, LONGEST),
            **place,
        }
        if status.url and len(status.url) <= LONGEST:
            said["target_url"] = status.url
        try:
            answer = self.client.send("POST", f"{self.project}/statuses/{segment(status.commit)}", said)
        except Declined as refused:
            if refused.status == HTTPStatus.CONFLICT:
                # Left alone it would run for ever, and block the merge.
                raise RetryLater(str(refused), _PAUSE) from refused
            if refused.status != HTTPStatus.BAD_REQUEST or not _IS_SO.search(refused.said):
                raise
            known = place.get("pipeline_id")
            return known if isinstance(known, int) else None
        found = answer.as_object()
        return found.number("pipeline_id") if found.has("pipeline_id") else None

    def _end_elsewhere(self, status: CommitStatus, pipeline: int | None) -> None:
        """Ends what is open of it in other pipelines of the commit: a newer pipeline came in between, and the old one would run for ever."""
        open_ones = self._open(status.commit, status.context)
        left = {found.number("pipeline_id") for found in open_ones if found.has("pipeline_id")}
        for each in sorted(left - {pipeline}):
            self._post(status, {"pipeline_id": each})

    def is_open(self, commit: str, context: str) -> bool:
        """Whether anything of a context waits or runs at a commit."""
        return any(True for _ in self._open(commit, context))

    def _open(self, commit: str, context: str) -> Iterator[Object]:
        query: Query = {"name": context[:LONGEST], "all": "true", "per_page": EACH}
        path = f"{self.project}/repository/commits/{segment(commit)}/statuses"
        for page in self.client.pages(path, query):
            for found in page.as_objects():
                if found.text("status") in _OPEN and self._is_ours(found):
                    yield found

    def _is_ours(self, found: Object) -> bool:
        return found.has("author") and found.id("author", "id") == self.own()
