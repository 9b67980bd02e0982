"""The deployment site (Kudu) of one app of Azure App Service, by the few calls of it that are needed."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.rest import HttpRequest, HttpResponse

from envmgr.host.uploads.content import Content

_PUBLISH = "/api/publish?type=zip&async=true"
LATEST = "/api/deployments/latest"
_TAKEN = {200, 202}
# What Azure's front end says while the site behind it is being started.
_STARTING = {404, 409, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class DeploymentSite:
    """Asked at `host` through a client that signs in; what fails raises what Azure's libraries raise."""

    client: PipelineClient[Any, Any]
    host: str

    def publish(self, archive: IO[bytes], check: Callable[[], None], seconds: float) -> str:
        """Sends a zip file, and never again by itself once a piece of it has gone.

        `check` is asked before each piece, `seconds` limit the wait for an answer. Gives the path by which the
        deployment is asked after.
        """
        size = os.fstat(archive.fileno()).st_size
        with Content(archive, size, check) as upload:
            headers = {"Content-Type": "application/zip"}
            answer = self._ask("POST", _PUBLISH, content=upload, headers=headers, read_timeout=seconds)
        _check(answer)
        return self._here(answer.headers.get("Location") or LATEST)

    def is_up(self) -> bool:
        """Whether it answers at all, which it does not for a while after it was made."""
        try:
            answer = self._ask("GET", "/api/deployments")
        except (ServiceRequestError, ServiceResponseError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):  # which no waiting mends
                raise
            return False
        if answer.status_code in _STARTING:
            return False
        _check(answer)
        return True

    def deployment(self, path: str = LATEST) -> Mapping[str, Any]:
        """What is told of a deployment (`id`, `status`, `status_text` …); nothing where none is told of."""
        answer = self._ask("GET", path)
        if answer.status_code == 404:
            return {}
        _check(answer)
        told = _json(answer)
        return told if isinstance(told, dict) else {}

    def entries(self, deployment: str) -> list[Mapping[str, Any]]:
        """The entries of a deployment's log (`message`, `type`); none where it cannot be had: it only explains."""
        with suppress(HttpResponseError):
            answer = self._ask("GET", f"/api/deployments/{deployment}/log")
            _check(answer)
            told = _json(answer)
            return [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
        return []

    def _ask(
        self,
        method: str,
        path: str,
        content: IO[bytes] | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> HttpResponse:
        request = HttpRequest(method, f"https://{self.host}{path}", content=content, headers=headers)
        answer: HttpResponse = self.client.send_request(request, **options)
        return answer

    def _here(self, address: str) -> str:
        """An address as a path of this site: the token goes to no other host, whatever an answer says."""
        parts = urlsplit(urljoin(f"https://{self.host}", address))
        if (parts.scheme, parts.netloc) != ("https", self.host):
            return LATEST
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _check(answer: HttpResponse) -> None:
    """A redirect is no success either: nobody follows it."""
    if answer.status_code not in _TAKEN:
        raise HttpResponseError(response=answer)


def _json(answer: HttpResponse) -> object:
    """None where it is no JSON: a site that starts anew answers with a page."""
    try:
        return answer.json()
    except ValueError:
        return None
