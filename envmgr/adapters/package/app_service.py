"""Azure App Service: an app's files by a zip file."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.names import counted
from envmgr.host.credentials.azure import AzureAccount
from envmgr.host.uploads.deadline import Deadline

from .archive import Archive, Date, Sizes, now
from .deployment_site import DeploymentSite

_POLL_SECONDS = 2.0
_GIBIBYTE = 1024**3
# Kudu's numbers for a deployment: pending, building, deploying; 3 is a failure.
_PENDING = {0, 1, 2}
_SUCCESS = 4
_ERROR_ENTRY = 2
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST = 300


class AppService:
    """One app, by its name or its host name."""

    sizes = Sizes(
        packed=2 * _GIBIBYTE,
        unpacked=8 * _GIBIBYTE,
        advice="make a container image of it, or let the app mount what is large",
    )

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        """No request is made yet; NeedsPerson where the name leads away from Azure."""
        self._account = AzureAccount(environment)
        self._host = scm_host(name, self._account.cloud.app_service)
        self._where = f"the App Service at {self._host}"

    @property
    def date(self) -> Date:
        """This moment: App Service takes a file with an equal date for the one that it has."""
        return now()

    def send(self, archive: Archive, deadline: Deadline, say: Callable[[str], None]) -> None:
        """Sends the archive and waits until the app's deployment is done.

        Azure keeps nothing that tells whether it has this code already: it is sent always.
        """
        with self._account.failures(self._where), self._account.client(f"https://{self._host}") as client:
            site = DeploymentSite(client, self._host)
            self._await(site, deadline, say)
            before = _identity(site.deployment())
            say(f"{self._host}: sending {archive.size} bytes ({counted(archive.files, 'file')})")
            path = site.publish(archive.file, deadline.check, deadline.left)
            deployment = self._ended(site, path, before, deadline)
            entries = site.entries(str(deployment.get("id") or "latest"))
        for entry in entries:
            say(f"{self._host}: {entry.get('message')}")
        if deployment.get("status") != _SUCCESS:
            raise Transient(f"{self._host} did not deploy it ({_reason(deployment, entries)}).")
        say(f"{self._host}: deployed")

    def _await(self, site: DeploymentSite, deadline: Deadline, say: Callable[[str], None]) -> None:
        """Waits for a site that was only just made."""
        if site.is_up():
            return
        say(f"{self._host}: does not answer yet, waiting")
        try:
            while not site.is_up():
                deadline.wait(_POLL_SECONDS)
        except Transient as error:
            raise Transient(f"{self._host} does not answer yet: {error}") from error

    def _ended(
        self, site: DeploymentSite, path: str, before: tuple[object, ...], deadline: Deadline
    ) -> Mapping[str, Any]:
        """The deployment once it has ended. The one from `before` may be shown until ours begins."""
        while True:
            deadline.wait(_POLL_SECONDS)
            # The site may start again meanwhile.
            with suppress(Transient), self._account.failures(self._where):
                found = site.deployment(path)
                if found and found.get("status") not in _PENDING and _identity(found) != before:
                    return found


def scm_host(name: str, suffixes: Sequence[str]) -> str:
    """The host of an app's deployment site, by the app's name, its own host or that very host.

    NeedsPerson where it is none below `suffixes`, of which the first is that of plain names: a token of Azure's
    control plane is shown there.
    """
    labels = name.lower().split(".")
    if len(labels) == 1:
        labels += suffixes[0].split(".")
    if labels[1] != "scm":
        labels.insert(1, "scm")
    host = ".".join(labels)
    if not all(map(_LABEL.fullmatch, labels)) or not host.endswith(
        tuple(f".{suffix}" for suffix in suffixes)
    ):
        raise NeedsPerson(
            f"`app_service` {name!r} is neither an app's name nor a host under {' or '.join(suffixes)}: check it, and the "
            "output it is from."
        )
    return host


def _identity(deployment: Mapping[str, Any]) -> tuple[object, ...]:
    return deployment.get("id"), deployment.get("received_time")


def _reason(deployment: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> str:
    errors = [entry.get("message") for entry in entries if entry.get("type") == _ERROR_ENTRY]
    told = [*errors[-1:], deployment.get("status_text"), deployment.get("progress")]
    reason = next((str(text).strip() for text in told if text), "it gives no reason")
    return f"status {deployment.get('status')}: {reason[:_LONGEST].rstrip('.')}"
