"""Environments and deployments, as GitLab shows them."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient, Query
from envmgr.adapters.forge.failure import Declined, NotAllowed
from envmgr.domain.errors import NotThere
from envmgr.domain.values.forge import DeploymentReport, ReportState

from .paging import EACH
from .payloads import commit

LONGEST = 255
"""How long names and addresses may be."""

_STATES = {
    ReportState.PENDING: "running",
    ReportState.RUNNING: "running",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failed",
}
_UNTAKEN = re.compile(r"[^A-Za-z0-9 _/$\-{}.]+")
_KNOWN = re.compile(r"([0-9]{1,18}):[0-9]{1,18}")
_FEW = 20


@dataclass(frozen=True, slots=True)
class Deployments:
    """The environments of a project; `own` gives the number of the user that envmgr is.

    The address is an environment's. A deployment that has ended never changes again, so what begins anew is another one.
    """

    client: ForgeClient
    project: str
    own: Callable[[], str]

    def report(self, report: DeploymentReport, known: str) -> str:
        """See the port. What is `known` is the numbers of the environment and of the deployment."""
        if report.state is ReportState.INACTIVE:
            self._leave(report)
            return known
        before = _KNOWN.fullmatch(known)
        if before is None:
            return self._tell(report, self._environment(report))
        try:
            return self._tell(report, int(before[1]))
        except NotThere:
            return self._tell(report, self._environment(report))  # somebody took it away on GitLab

    def _tell(self, report: DeploymentReport, environment: int) -> str:
        if report.state is ReportState.SUCCESS:
            self._show(report, environment)
        return f"{environment}:{self._told(report, _STATES[report.state])}"

    def _told(self, report: DeploymentReport, status: str) -> int:
        """The deployment that says so: the one that does already, the one that is under way, or a new one."""
        for number, each in enumerate(self._newest(report)):
            is_newest, said = number == 0, each.text("status")
            if self._is_ours(each, report) and (said == "running" or (is_newest and said == status)):
                if said != status:
                    self._end(each.number("id"), status)
                return each.number("id")
        return self._create(report, status)

    def _create(self, report: DeploymentReport, status: str) -> int:
        said = {
            "environment": _name(report),
            "sha": report.commit,
            "ref": report.ref,
            "tag": False,
            "status": status,
        }
        return self.client.send("POST", f"{self.project}/deployments", said).as_object().number("id")

    def _end(self, deployment: int, status: str) -> None:
        """Ends a deployment; one that is at its end, or gone, stays so."""
        try:
            self.client.send("PUT", f"{self.project}/deployments/{deployment}", {"status": status})
        except NotThere:
            return
        except Declined as refused:
            if refused.status != HTTPStatus.BAD_REQUEST:
                raise

    def _show(self, report: DeploymentReport, environment: int) -> None:
        """Shows the address, where it is one that GitLab takes: whatever an application says of itself keeps nothing back."""
        url = report.url or ""
        if url.startswith(("https://", "http://")) and len(url) <= LONGEST:
            said = {"external_url": url}
            with suppress(Declined):
                self.client.send("PUT", f"{self.project}/environments/{environment}", said)

    def _leave(self, report: DeploymentReport) -> None:
        """A commit is no longer deployed. Where no other one has taken its place, the environment is gone: stopped, and one that was only passing taken off the list."""
        found = self._newest(report)
        for each in found:
            if self._is_ours(each, report) and each.text("status") == "running":
                self._end(each.number("id"), "canceled")
        environment = self._named(report)
        if environment is None or (found and commit(found[0], "sha") != report.commit):
            return
        place = f"{self.project}/environments/{environment.number('id')}"
        with suppress(NotThere):
            if environment.text_or("", "state") != "stopped":
                self.client.send("POST", f"{place}/stop", {"force": True})  # without jobs of GitLab's own
            if report.is_transient:
                self._delete(place)

    def _delete(self, place: str) -> None:
        try:
            self.client.send("DELETE", place)
        except NotAllowed:
            return  # it is protected: it stays on the list as a stopped one

    def _environment(self, report: DeploymentReport) -> int:
        """The environment, made where there is none: a deployment would make one without an address."""
        found = self._named(report)
        if found is not None:
            return found.number("id")
        said = {"name": _name(report)}
        if report.is_production or report.is_transient:
            said["tier"] = "production" if report.is_production else "development"
        made = self.client.send("POST", f"{self.project}/environments", said)
        return made.as_object().number("id")

    def _named(self, report: DeploymentReport) -> Object | None:
        query: Query = {"name": _name(report), "per_page": EACH}
        found = self.client.get(f"{self.project}/environments", query).as_objects()
        return next((each for each in found if each.text("name") == _name(report)), None)

    def _newest(self, report: DeploymentReport) -> list[Object]:
        """The last deployments there, whoever's, the newest first."""
        query: Query = {
            "environment": _name(report),
            "order_by": "id",
            "sort": "desc",
            "per_page": _FEW,
        }
        found = self.client.get(f"{self.project}/deployments", query).as_objects()
        return sorted(found, key=lambda each: each.number("id"), reverse=True)

    def _is_ours(self, found: Object, report: DeploymentReport) -> bool:
        is_of_it = commit(found, "sha") == report.commit
        return is_of_it and found.has("user") and found.id("user", "id") == self.own()


def _name(report: DeploymentReport) -> str:
    return _UNTAKEN.sub("-", report.environment)[:LONGEST]
