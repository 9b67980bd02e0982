"""Deployments on GitHub: one for each environment and commit, and how it goes with each."""

from contextlib import suppress

from envmgr.adapters.forge.client import ForgeClient, Query
from envmgr.adapters.forge.shortened import shortened
from envmgr.domain.errors import NotThere
from envmgr.domain.values.forge import DeploymentReport, ReportState

SENTENCE = 140
"""The longest description that GitHub takes, of a status as well."""

_MARK = "envmgr"
_STATES = {
    ReportState.PENDING: "queued",
    ReportState.RUNNING: "in_progress",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failure",
    ReportState.INACTIVE: "inactive",
}


class Deployments:
    """The deployments of one repository."""

    def __init__(self, client: ForgeClient, path: str) -> None:
        """Those below the path of the repository."""
        self._client, self._path = client, f"{path}/deployments"

    def report(self, report: DeploymentReport, known: str) -> str:
        """See the port."""
        if known:
            with suppress(NotThere):  # somebody took it away
                return self._tell(report, known)
        # One that was made though its answer was lost, or before the database was.
        found = self._found(report)
        if not found and report.state is ReportState.INACTIVE:
            return ""
        return self._tell(report, found or self._made(report))

    def _found(self, report: DeploymentReport) -> str:
        query: Query = {"environment": report.environment, "sha": report.commit, "per_page": 10}
        found = self._client.get(self._path, query).as_objects()
        ours = (each.id("id") for each in found if each.has("payload", _MARK))
        return next(ours, "")

    def _made(self, report: DeploymentReport) -> str:
        asked = {
            "ref": report.commit,
            "environment": report.environment,
            "description": shortened(report.sentence, SENTENCE),
            "payload": {_MARK: True, "ref": report.ref},
            # Else GitHub would merge the default branch into this one first, and demand that all statuses are green.
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": report.is_transient,
            "production_environment": report.is_production,
        }
        return self._client.send("POST", self._path, asked).as_object().id("id")

    def _tell(self, report: DeploymentReport, number: str) -> str:
        asked: dict[str, object] = {
            "state": _STATES[report.state],
            "description": shortened(report.sentence, SENTENCE),
            "environment": report.environment,
            # Which of the older ones are over is told for each itself: GitHub would leave out the transient ones.
            "auto_inactive": False,
        }
        links = {"environment_url": report.url, "log_url": report.log_url}
        asked |= {n: url for n, url in links.items() if url and url.startswith(("https://", "http://"))}
        self._client.send("POST", f"{self._path}/{int(number)}/statuses", asked)
        return number
