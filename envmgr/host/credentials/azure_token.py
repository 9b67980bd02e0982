"""A token for one run, which an application of Microsoft Entra ID trusts: another's file, or signed by a key of our own."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.sign_in import AZURE_STATE, AZURE_STATIC
from envmgr.domain.values.cage import Credentials

from .issued import Issued

DISCOVERY, KEYS = ".well-known/openid-configuration", "jwks.json"
"""Where the two files are below the issuer's URL."""
_FILE = "azure.token"
AZURE_AUDIENCE, AWS_AUDIENCE = "api://AzureADTokenExchange", "sts.amazonaws.com"
"""Whom a token is shown to."""
_ALGORITHM = "RS256"
_GOOD = timedelta(minutes=10)
_OLDER_FILE = timedelta(minutes=1)  # it is somebody else's to renew, and may be at any time
_LEAST_BITS = 2048


class IssuerKey:
    """The key that signs, and what others know it by."""

    def __init__(self, pem: str) -> None:
        """Takes an RSA key as PEM, without a passphrase; NeedsPerson for anything else."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, RSAPrivateKey) or key.key_size < _LEAST_BITS:
            raise NeedsPerson(
                "signing_key of credentials is no RSA key of at least 2048 bits in PEM without a passphrase: make one "
                "with `openssl genrsa 3072`."
            )
        self._key = key

    @property
    def public(self) -> Mapping[str, str]:
        """As a JSON Web Key, whose ID is its thumbprint (RFC 7638)."""
        numbers = self._key.public_key().public_numbers()
        found = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
        thumbprint = sha256(json.dumps(found, separators=(",", ":")).encode()).digest()
        return {**found, "kid": _base64(thumbprint), "use": "sig", "alg": _ALGORITHM}

    def sign(self, claims: Mapping[str, object]) -> str:
        """A JSON Web Token."""
        import jwt  # comes with azure-identity

        return jwt.encode(dict(claims), self._key, algorithm=_ALGORITHM, headers={"kid": self.public["kid"]})


def published(issuer: str, key: IssuerKey) -> Mapping[str, str]:
    """The files that are to be had below the issuer's URL, by their paths."""
    discovery = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/{KEYS}",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [_ALGORITHM],
    }
    return {DISCOVERY: _document(discovery), KEYS: _document({"keys": [key.public]})}


def signed_token(
    issuer: str,
    subject: str,
    key: IssuerKey,
    audience: str = AZURE_AUDIENCE,
    further: Mapping[str, object] | None = None,
) -> tuple[str, timedelta]:
    """A token of now for somebody, with `further` claims, and for how long it is good."""
    now = datetime.now(UTC)
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "nbf": now - timedelta(minutes=1),  # clocks differ
        "exp": now + _GOOD,
        "jti": secrets.token_hex(16),
        **(further or {}),
    }
    return key.sign(claims), _GOOD


def token_of(path: Path) -> tuple[str, timedelta]:
    """The token in a file as it is now; NeedsPerson where there is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise NeedsPerson(f"The token {path} of credentials cannot be read: put it there.") from error
    if not text:
        raise NeedsPerson(f"The token {path} of credentials is empty: put it there.")
    return text, _OLDER_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureTokenIssuer:
    """Gives a run a token in a file, which Azure's libraries and Terraform's provider and backend read at each sign-in."""

    tenant_id: str
    client_id: str
    use: Credentials
    token: Callable[[], tuple[str, timedelta]]

    def issue(self, folder: Path) -> Issued:
        """See `Issuer`."""
        token, lasts = self.token()
        return Issued(files={_FILE: token}, secrets=(token,), lasts=lasts)

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """See `Issuer`."""
        withheld = (*AZURE_STATIC, *(AZURE_STATE if self.use is Credentials.DEPLOY else ()))
        kept = {name: value for name, value in given.items() if name not in withheld}
        token = str(folder / _FILE)
        return {
            **kept,
            "ARM_USE_OIDC": "true",
            "ARM_USE_CLI": "false",
            "ARM_TENANT_ID": self.tenant_id,
            "ARM_CLIENT_ID": self.client_id,
            "ARM_OIDC_TOKEN_FILE_PATH": token,
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_FEDERATED_TOKEN_FILE": token,
        }


def _document(value: Mapping[str, object]) -> str:
    return f"{json.dumps(value, indent=2)}\n"


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
