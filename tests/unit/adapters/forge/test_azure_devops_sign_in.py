"""Signing in to Azure DevOps."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import pytest

from envmgr.adapters.forge.azure_devops.sign_in import AccessTokenSignIn, EntraSignIn, account_of
from envmgr.domain.errors import EnvmgrError, NeedsOperator, Refused
from envmgr.host.credentials.azure import AzureAccount

PROCESS = {
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "no_proxy": "internal.example.com",
    "ARM_CLIENT_SECRET": "of somebody else",
    "ARM_USE_OIDC": "true",
    "PATH": "/bin",
}


def test_a_personal_token_is_the_password_of_nobody() -> None:
    """And is read anew each time."""
    tokens = iter(["first", "second"])
    sign_in = AccessTokenSignIn(lambda: next(tokens), "Azure DevOps")
    sent = [sign_in.headers()["Authorization"] for _ in range(2)]
    assert sent == [f"Basic {base64.b64encode(each).decode()}" for each in (b":first", b":second")]
    assert not sign_in.renew()


def test_a_token_with_a_line_break_is_never_sent() -> None:
    """It would be two headers, or is not the token alone."""
    with pytest.raises(NeedsOperator, match="store it alone") as caught:
        AccessTokenSignIn(lambda: "secret\nX: y", "Azure DevOps").headers()
    assert "secret" not in str(caught.value)


@dataclass
class Token:
    """One of Entra."""

    token: str
    expires_on: float


class Account:
    """Gives tokens that are good for an hour each; `refusal` instead, where there is one."""

    def __init__(self) -> None:
        self.now, self.asked = 1000.0, list[str]()
        self.refusal: EnvmgrError | None = None

    @contextmanager
    def failures(self, where: str) -> Iterator[None]:
        """What Azure's libraries raise never leaves them."""
        assert "Azure DevOps" in where
        yield

    def token_credential(self) -> "Account":
        """Itself."""
        return self

    def get_token(self, scope: str) -> Token:
        """A new one."""
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(scope)
        return Token(f"token-{len(self.asked)}", self.now + 3600)


def sign_in_of(account: Account) -> EntraSignIn:
    """Signs in by an account."""
    return EntraSignIn(lambda: cast(AzureAccount, account), "Azure DevOps", lambda: account.now)


def test_a_token_of_entra_is_used_until_shortly_before_its_end() -> None:
    """Five minutes; or until the forge refuses it."""
    account = Account()
    sign_in = sign_in_of(account)
    sent = []
    for account.now in (1000.0, 4299.0, 4301.0):
        sent.append(sign_in.headers()["Authorization"])
    assert sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert sign_in.renew()
    assert sign_in.headers()["Authorization"] == "Bearer token-3"
    assert set(account.asked) == {"499b84ac-1321-427f-aa17-267ca6975798/.default"}


def test_a_refusal_names_the_option() -> None:
    """What signs in to clouds knows its variables only."""
    account = Account()
    account.refusal = Refused("The sign-in refuses the credentials (AADSTS7000215).")
    with pytest.raises(NeedsOperator, match=r"`identity` of `forge` .*AADSTS7000215"):
        sign_in_of(account).headers()


def test_only_the_way_is_the_processes_own() -> None:
    """Who signs in is what the file says: a secret, or the managed identity."""
    secret = account_of(PROCESS, "tenant", "client", "hush")
    assert [secret.value(key) for key in ("tenant_id", "client_id", "client_secret")] == [
        "tenant",
        "client",
        "hush",
    ]
    assert type(secret.token_credential()).__name__ == "ClientSecretCredential"
    assert secret.connection("login.microsoftonline.com")["proxies"] == {
        "https": "http://proxy.example.com:3128"
    }
    managed = account_of(PROCESS, None, "client", None)
    assert type(managed.token_credential()).__name__ == "ManagedIdentityCredential"
    assert (managed.secret("client_secret"), managed.value("use_oidc")) == ("", "")
