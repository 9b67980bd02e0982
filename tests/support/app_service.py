"""A stand-in for the deployment site of an Azure App Service, for which there is no emulator.

It answers as the publishing call of Kudu is documented and written: 202 with the place to ask, then the latest
deployment with 202 while it goes on and 200 once it has ended. It speaks TLS under Azure's own host names.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.azure_control_plane import TOKEN, ControlPlane
from tests.support.certificates import make_certificates
from tests.support.processes import HOST
from tests.support.scripted_http import Reply, Request, ScriptedHttp

SITE = "shop.scm.azurewebsites.net"
BUILDING, FAILED, SUCCESS = 1, 3, 4


@dataclass
class Site:
    """One app: the zip files it was sent, and what becomes of the next one."""

    environment: dict[str, str] = field(default_factory=dict)
    received: list[bytes] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    states: list[int] = field(default_factory=lambda: [BUILDING, SUCCESS])  # of a deployment, one each look
    refusal: int | None = None  # what the publishing call answers instead
    location: str = f"https://{SITE}/api/deployments/latest?deployer=OneDeploy"
    late: int = 0  # so many looks still show the deployment before
    starting: list[Reply] = field(default_factory=list)  # what the first looks get
    broken: list[Reply] = field(default_factory=list)  # what the next looks get
    log: list[dict[str, Any]] = field(default_factory=list)
    _deployments: list[list[int]] = field(default_factory=list)
    _hidden: int = 0

    def answer(self, request: Request) -> Reply:
        """See the module."""
        self.requests.append(request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(401)
        path = urlsplit(request.path).path
        if self.starting or path == "/api/deployments":
            return self.starting.pop(0) if self.starting else Reply(200, [])
        if request.method == "POST" and path == "/api/publish":
            return self._publish(request)
        if path.endswith("/log"):
            return Reply(200, self.log)
        if self.broken and self.received:
            return self.broken.pop(0)
        return self._latest()

    def _publish(self, request: Request) -> Reply:
        if request.headers["Content-Type"] != "application/zip":
            return Reply(415)
        if self.refusal:
            return Reply(self.refusal)
        self.received.append(request.body)
        self._deployments.append(list(self.states))
        self._hidden = self.late
        return Reply(202, b"", {"Location": self.location, "Retry-After": "1"})

    def _latest(self) -> Reply:
        shown = len(self._deployments) - 1
        if self._hidden:
            self._hidden -= 1
            shown -= 1
        if shown < 0:
            return Reply(404)
        states = self._deployments[shown]
        state = states.pop(0) if len(states) > 1 else states[0]
        told = {"id": f"d{shown}", "status": state, "status_text": "", "received_time": "t", "progress": ""}
        return Reply(200 if state in (FAILED, SUCCESS) else 202, told)


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A site named `shop`, with a sign-in that gives the token it wants."""
    (folder / "site").mkdir()
    certificates = make_certificates(folder / "site", ["*.scm.azurewebsites.net"], HOST)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.chain, certificates.key)
    site = Site()
    with (
        ScriptedHttp(site.answer, tls) as http,
        ControlPlane(folder, {f"{SITE}:443": http.port}.get) as plane,
    ):
        trusted = folder / "trusted.pem"
        trusted.write_bytes(plane.authority.read_bytes() + certificates.authority.read_bytes())
        site.environment = {**plane.environment, "SSL_CERT_FILE": str(trusted)}
        yield site
