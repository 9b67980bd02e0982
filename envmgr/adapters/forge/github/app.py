"""Sign-in as a GitHub App: by a short-lived token of its installation, narrowed to one repository and what is needed."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient, segment
from envmgr.adapters.forge.signing import header_value
from envmgr.domain.errors import NeedsOperator, NotThere

NEEDED: Mapping[str, str] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "statuses": "write",
    "deployments": "write",
}
"""The permissions of an App that envmgr uses, and no others."""

_LIVES = 50 * 60.0  # of the hour that a token lives
_FRESH = 60.0  # so long a token that is refused is not taken for one that has ended
_JWT_BEFORE, _JWT_AFTER = 60, 540  # GitHub takes ten minutes, and its clock may be behind


@dataclass(frozen=True, slots=True)
class JwtSignIn:
    """As the App itself, which may do nothing but ask for tokens. `key` gives its private key in PEM."""

    id: str
    key: Callable[[], str] = field(repr=False)
    where: str
    clock: Callable[[], float] = time.time

    def headers(self) -> Mapping[str, str]:
        """See SignIn."""
        import jwt

        now = int(self.clock())
        claims = {"iat": now - _JWT_BEFORE, "exp": now + _JWT_AFTER, "iss": self.id}
        try:
            token = jwt.encode(claims, self.key(), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # Without `from`: the error's text may hold a part of the key.
            raise NeedsOperator(
                f"The key of the App for {self.where} is no RSA key in PEM: store the file that GitHub gave, whole."
            ) from None
        return {"Authorization": f"Bearer {token}"}

    def renew(self) -> bool:
        """See SignIn: each call has its own."""
        return False


class AppSignIn:
    """As the App's installation on one repository. The token is made when it is needed first, again after 50 minutes, and after a refusal."""

    def __init__(
        self, app: ForgeClient, repository: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`app` asks as the App itself."""
        owner, _, name = repository.partition("/")
        self._app, self._name, self._clock = app, name, clock
        self._path = f"/repos/{segment(owner)}/{segment(name)}/installation"
        self._token, self._made_at = "", 0.0
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """See SignIn."""
        with self._lock:
            if not self._token or self._clock() - self._made_at >= _LIVES:
                self._make()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """See SignIn. Once: a token that is refused though it is new is not asked for again and again."""
        with self._lock:
            if self._token and self._clock() - self._made_at < _FRESH:
                return False
            self._token = ""
        return True

    def slug(self) -> str:
        """What GitHub calls the App: its comments are by this name and `[bot]`."""
        return self._app.get("/app").as_object().text("slug")

    def permissions(self) -> Mapping[str, str]:
        """What the installation may do, by permission: `read`, `write` or `admin`."""
        found = self._installation().inner("permissions")
        return {name: found.text(name) for name in found.names()}

    def _make(self) -> None:
        number = self._installation().number("id")
        asked = {"repositories": [self._name], "permissions": dict(NEEDED)}
        made = self._app.send("POST", f"/app/installations/{number}/access_tokens", asked).as_object()
        # Opaque: its length and form are GitHub's to change.
        self._token = header_value(made.text("token"), self._app.dialect.where)
        self._made_at = self._clock()

    def _installation(self) -> Object:
        try:
            return self._app.get(self._path).as_object()
        except NotThere as error:
            raise NeedsOperator(
                f"The App for {self._app.dialect.where} is not installed on {self._name}: install it there."
            ) from error
