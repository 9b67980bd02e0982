"""Sign-in to Azure DevOps: by a personal access token, or as a service principal or managed identity of Microsoft Entra."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envmgr.adapters.forge.signing import header_value
from envmgr.domain.errors import NeedsOperator, NeedsPerson

if TYPE_CHECKING:
    from envmgr.host.credentials.azure import AzureAccount

_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"  # Azure DevOps itself, on every tenant
_AHEAD = 300.0
_WAY = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ARM_ENVIRONMENT"}
)


@dataclass(frozen=True, slots=True)
class AccessTokenSignIn:
    """By a personal access token that `read` gives: the password of nobody."""

    read: Callable[[], str] = field(repr=False)
    where: str

    def headers(self) -> Mapping[str, str]:
        """See SignIn."""
        token = header_value(self.read(), self.where)
        return {"Authorization": f"Basic {base64.b64encode(f':{token}'.encode()).decode()}"}

    def renew(self) -> bool:
        """See SignIn: there is but the one."""
        return False


class EntraSignIn:
    """By tokens of Microsoft Entra, each used until shortly before its end."""

    def __init__(
        self, account: "Callable[[], AzureAccount]", where: str, clock: Callable[[], float] = time.time
    ) -> None:
        """`account` describes the identity as it is now: a rotated secret is used at the next sign-in."""
        self._account, self._where, self._clock = account, where, clock
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """See SignIn. Raises what signing in to Azure raises."""
        with self._lock:
            if self._clock() >= self._until:
                self._sign_in()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """See SignIn."""
        with self._lock:
            self._until = 0.0
        return True

    def _sign_in(self) -> None:
        account = self._account()
        try:
            with account.failures(f"the sign-in to {self._where}"):
                found = account.token_credential().get_token(_SCOPE)
        except NeedsPerson as error:
            raise NeedsOperator(f"`identity` of `forge` does not let envmgr in: {error.continued}") from error
        self._token, self._until = header_value(found.token, self._where), found.expires_on - _AHEAD


def account_of(
    environ: Mapping[str, str], tenant_id: str | None, client_id: str, client_secret: str | None
) -> "AzureAccount":
    """An identity as an account of Azure, reached as `environ` says; nothing else of that describes who signs in."""
    from envmgr.host.credentials.azure import AzureAccount

    way = {name: value for name, value in environ.items() if name.upper() in _WAY}
    if client_secret is None:
        return AzureAccount({**way, "ARM_USE_MSI": "true", "ARM_CLIENT_ID": client_id})
    who = {"ARM_TENANT_ID": tenant_id or "", "ARM_CLIENT_ID": client_id, "ARM_CLIENT_SECRET": client_secret}
    return AzureAccount({**way, **who})
