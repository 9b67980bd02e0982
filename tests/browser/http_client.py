"""A browser without anything that a browser does: it keeps cookies, follows nothing, and reads what comes."""

import re
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

_FIELD = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: its status, its headers by lower-case name, its cookies as they were set, and its text."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    text: str


@dataclass(slots=True)
class Client:
    """Asks one server."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """Asks for a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Sends a form."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields).encode(), kind | headers)

    def csrf(self, path: str) -> str:
        """What the forms of a page must have."""
        found = _FIELD.search(self.get(path).text)
        assert found is not None
        return found[1]

    def sign_in(self, token: str, **more: str) -> Answer:
        """Signs in with a token."""
        return self.post("/sign-in", {"csrf": self.csrf("/sign-in"), "token": token, **more})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**named, **({"cookie": kept} if kept else {})})
            got = connection.getresponse()
            text = got.read().decode()
        finally:
            connection.close()
        cookies = got.headers.get_all("set-cookie") or []
        for each in cookies:
            for name, morsel in SimpleCookie(each).items():
                self.cookies[name] = morsel.value
        return Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, cookies, text)
