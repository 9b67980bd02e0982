"""A stand-in for Azure's sign-in and control plane, for which there is no emulator.

It speaks TLS under Azure's own host names behind a proxy, so that azure-identity and azure-mgmt-resource run as they are.
"""

import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from tests.support.certificates import make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.processes import HOST
from tests.support.serving import Serving

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
CLIENT = "33333333-3333-3333-3333-333333333333"
SECRET = "throw-away-client-secret"
TOKEN = "throw-away-token"
_HOSTS = ("management.azure.com", "login.microsoftonline.com")
_FILTER = re.compile(r"tagName eq '((?:[^']|'')*)' and tagValue eq '((?:[^']|'')*)'")
_BY_NAME = re.compile(r"resourceType eq 'Microsoft\.Storage/storageAccounts' and name eq '([^']+)'")
_PAGE = 2

Item = dict[str, Any]


@dataclass
class ControlPlane:
    """What one subscription holds: groups and resources with their tags, and storage accounts' keys."""

    folder: Path
    route: Callable[[str], int | None] = dict[str, int]().get  # where other hosts lead, by `name:443`
    groups: list[Item] = field(default_factory=list)
    resources: list[Item] = field(default_factory=list)
    account_keys: dict[str, str] = field(default_factory=dict)
    status: int | None = None  # what every list answers instead
    sign_in: list[int] = field(default_factory=list)  # what the next sign-ins answer instead
    gone: set[str] = field(default_factory=set)  # groups that the lists still name
    requests: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a free loopback port."""
        certificates = make_certificates(self.folder, list(_HOSTS), HOST)
        self.authority = certificates.authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.chain, certificates.key)
        self._http = _Http(self)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._serving = Serving(self._http)
        self.proxy = ConnectProxy(self._port).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self.proxy.__exit__(kind, error, trace)
        self._serving.close()

    @property
    def environment(self) -> dict[str, str]:
        """What an organization with a service principal sets."""
        return {
            "ARM_SUBSCRIPTION_ID": SUBSCRIPTION,
            "ARM_TENANT_ID": TENANT,
            "ARM_CLIENT_ID": CLIENT,
            "ARM_CLIENT_SECRET": SECRET,
            "HTTPS_PROXY": self.proxy.url,
            "SSL_CERT_FILE": str(self.authority),
        }

    def add_group(self, name: str, tags: dict[str, str]) -> str:
        """A resource group; gives its ID."""
        identity = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"
        self.groups.append({"id": identity, "name": name, "location": "westeurope", "tags": tags})
        return identity

    def add_resource(self, name: str, tags: dict[str, str]) -> str:
        """A storage account in a group of its own that has no tags; gives its ID."""
        parent = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/untagged/providers"
        identity = f"{parent}/Microsoft.Storage/storageAccounts/{name}"
        self.resources.append({"id": identity, "name": name, "location": "westeurope", "tags": tags})
        return identity

    def _port(self, target: str) -> int | None:
        return self._http.server_port if target.partition(":")[0] in _HOSTS else self.route(target)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__((HOST, 0), _Request)
        self.plane = plane


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        """Say nothing: what was asked for is in `requests`."""

    def do_HEAD(self) -> None:
        """Answer whether a group is there."""
        self._serve(b"")

    def do_GET(self) -> None:
        """Answer a list, or what sign-in looks up first."""
        self._serve(b"")

    def do_POST(self) -> None:
        """Answer a sign-in, or the keys of a storage account."""
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, body: bytes) -> None:
        plane = cast(_Http, self.server).plane
        plane.requests.append(f"{self.command} {self.path}")
        status, answer = _answer(plane, self.path, self.headers.get("Authorization", ""), body.decode())
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


def _answer(plane: ControlPlane, path: str, authorization: str, body: str) -> tuple[int, Item]:
    url = urlsplit(path)
    query = parse_qs(url.query)
    if not url.path.startswith("/subscriptions/"):
        is_busy = url.path.endswith("/token") and plane.sign_in
        return _busy(plane.sign_in.pop(0)) if is_busy else _sign_in(url.path, parse_qs(body))
    if authorization != f"Bearer {TOKEN}":
        return 401, {"error": {"code": "InvalidAuthenticationToken", "message": "no"}}
    if plane.status:
        return plane.status, {"error": {"code": "AuthorizationFailed", "message": "no"}}
    if (name := url.path.split("/")[-1]) not in ("resources", "resourcegroups"):
        is_there = name not in plane.gone
        if not url.path.endswith("/listKeys"):
            return (204 if is_there else 404), {}
    if url.path.endswith("/listKeys"):
        key = plane.account_keys[url.path.split("/")[-2]]
        return 200, {"keys": [{"keyName": "key1", "value": key, "permissions": "FULL"}]}
    items = plane.resources if url.path.endswith("/resources") else plane.groups
    return 200, _page(items, url.path, query)


def _page(items: list[Item], path: str, query: dict[str, list[str]]) -> Item:
    """A page of what the filter leaves, with the address of the next one.

    As Azure's reference has it, resources that are filtered by a tag come without their tags.
    """
    condition = query.get("$filter")
    left = _filtered(items, condition[0], path) if condition else items
    start = int(query.get("$skiptoken", ["0"])[0])
    page: Item = {"value": left[start : start + _PAGE]}
    if start + _PAGE < len(left):
        asked = f"%24filter={condition[0].replace(' ', '%20')}&" if condition else ""
        address = f"https://{_HOSTS[0]}{path}?{asked}api-version={query['api-version'][0]}"
        page["nextLink"] = f"{address}&%24skiptoken={start + _PAGE}"
    return page


def _filtered(items: list[Item], condition: str, path: str) -> list[Item]:
    if by_name := _BY_NAME.fullmatch(condition):
        return [item for item in items if item["name"] == by_name[1]]
    found = _FILTER.fullmatch(condition)
    assert found, f"{condition} is no filter that is known here"
    name, value = (part.replace("''", "'") for part in found.groups())
    left = [i for i in items if {k.lower(): v for k, v in i["tags"].items()}.get(name.lower()) == value]
    return [{**item, "tags": None} for item in left] if path.endswith("/resources") else left


def _busy(status: int) -> tuple[int, Item]:
    throttled = {
        "error": "temporarily_unavailable",
        "error_description": "AADSTS90055: There are too many incoming requests.",
    }
    return status, throttled if status == HTTPStatus.TOO_MANY_REQUESTS else {}


def _sign_in(path: str, form: dict[str, list[str]]) -> tuple[int, Item]:
    authority = f"https://{_HOSTS[1]}/{TENANT}"
    if path.endswith("/token"):
        if "client_assertion" not in form and form["client_secret"] != [SECRET]:
            return 401, {
                "error": "invalid_client",
                "error_description": "AADSTS7000215: Invalid client secret.",
            }
        return 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN}
    if path.endswith("/discovery/instance"):
        return 200, {
            "tenant_discovery_endpoint": f"{authority}/v2.0/.well-known/openid-configuration",
            "metadata": [],
        }
    return 200, {
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
    }
