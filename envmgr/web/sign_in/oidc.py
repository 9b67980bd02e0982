"""Signing in by OpenID Connect: the authorization code with PKCE, by Authlib; the ID token is verified by joserfc.

Between the way there and the way back the browser keeps what proves that they belong together: envmgr keeps nothing.
"""

import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from json import dumps, loads
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from envmgr.config.sections.secrets import resolve
from envmgr.config.settings import LOOPBACK, OidcSettings
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.access.secrets import is_same
from envmgr.domain.values.asking.person import Asker, Kind

log = structlog.get_logger()

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""By what an ID token may be signed: keys that the provider alone has."""
_DOCUMENT = "/.well-known/openid-configuration"
_KEPT = 3600.0
_TIMEOUT = 10.0
# By how many seconds the provider's clock may be another.
_LEEWAY = 60
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Pending:
    """What a browser keeps of a sign-in that was begun, and where it goes on afterwards."""

    state: str
    nonce: str
    verifier: str
    onward: str

    def packed(self) -> str:
        """As the value of a cookie."""
        return urlsafe_b64encode(dumps(asdict(self)).encode()).decode()

    @classmethod
    def unpacked(cls, text: str) -> "Pending | None":
        """Of a cookie's value; None where it is none of ours."""
        try:
            found = loads(urlsafe_b64decode(text.encode()))
            pending = cls(**found)
        except (ValueError, TypeError, RecursionError):
            return None
        return pending if all(isinstance(each, str) and each for each in asdict(pending).values()) else None


@dataclass(slots=True)
class Provider:
    """One provider; what it says of itself is kept for an hour."""

    settings: OidcSettings
    back: str
    _said: Mapping[str, Any] = field(default_factory=dict)
    _until: float = 0.0

    def begin(self, onward: str) -> tuple[str, Pending]:
        """Where to send somebody who wants to sign in, and what her browser is to keep meanwhile."""
        pending = Pending(token_urlsafe(32), token_urlsafe(32), token_urlsafe(48), onward)
        with self._session() as session:
            address, _ = session.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(address), pending

    def finish(self, pending: Pending | None, query: Mapping[str, str]) -> Asker:
        """Who came back. Raises NeedsPerson where she did not sign in, or that is not proven; Transient without answer."""
        if pending is None or not is_same(pending.state, query.get("state", "")):
            raise NeedsPerson("This sign-in was not begun in this browser, or too long ago: sign in again.")
        # RFC 9207: else an answer of one provider could be passed off as another's. Not all providers say it.
        if query.get("iss", self.settings.issuer) != self.settings.issuer:
            raise NeedsPerson("Another provider than the configured one answered: sign in again.")
        if "code" not in query:
            raise NeedsPerson("The provider did not sign you in: try again, or ask who runs it.")
        try:
            return self._asker(pending, query["code"])
        except (AuthlibBaseError, JoseError, KeyError, ValueError, TypeError) as error:
            log.warning(
                "A sign-in failed.",
                action="sign-in-failed",
                why=f"{type(error).__name__}: {error}"[:_LONGEST],
            )
            raise NeedsPerson("The provider's answer does not prove who you are: sign in again.") from error
        except RequestException as error:
            raise Transient(
                f"The provider {self.settings.issuer} does not answer: try again later."
            ) from error

    def _asker(self, pending: Pending, code: str) -> Asker:
        with self._session() as session:
            metadata = self._metadata()
            token = session.fetch_token(
                metadata["token_endpoint"], code=code, code_verifier=pending.verifier, timeout=_TIMEOUT
            )
            # Read anew for each sign-in: providers change them whenever they like.
            keys = self._get(session, metadata["jwks_uri"], withhold_token=True)
            claims = self._verified(token, keys, pending.nonce)
            wanted = (self.settings.name_claim, self.settings.groups_claim)
            if not all(name in claims for name in wanted) and "userinfo_endpoint" in metadata:
                more = self._get(session, metadata["userinfo_endpoint"])
                # What is signed counts first; the rest only of the same person (OpenID Connect Core, 5.3.2).
                claims = {**more, **claims} if more.get("sub") == claims["sub"] else claims
        return self._named(claims)

    def _verified(self, token: Mapping[str, Any], keys: Any, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that this provider signed, for us, for this very sign-in, and that still holds."""
        found = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=list(ALGORITHMS))
        exactly = {"iss": self.settings.issuer, "aud": self.settings.client_id}
        options = {name: {"essential": True, "value": value} for name, value in exactly.items()}
        claims = CodeIDToken(
            found.claims,
            found.header,
            {**options, "nonce": {"essential": True, "value": nonce}},
            {"client_id": self.settings.client_id, "nonce": nonce, "access_token": token.get("access_token")},
        )
        claims.validate(leeway=_LEEWAY)
        return found.claims

    def _named(self, claims: Mapping[str, Any]) -> Asker:
        """Her name and groups, as the claims have them."""
        name, groups = claims.get(self.settings.name_claim), claims.get(self.settings.groups_claim, ())
        if not isinstance(name, str) or not is_name(name):
            raise NeedsPerson(
                f"The provider says no name for you (claim {self.settings.name_claim}): set sign_in.oidc.name_claim."
            )
        listed = [groups] if isinstance(groups, str) else groups
        sound = [group for group in listed if isinstance(group, str) and is_name(group)]
        return Asker(Kind.PERSON, name, tuple(sorted(set(sound))))

    def _session(self) -> Any:
        secret = self.settings.client_secret
        return OAuth2Session(
            self.settings.client_id,
            resolve(secret, os.environ) if secret is not None else None,
            token_endpoint_auth_method="client_secret_basic" if secret is not None else "none",
            scope=" ".join(self.settings.scopes),
            redirect_uri=self.back,
            code_challenge_method="S256",
        )

    def _metadata(self) -> Mapping[str, Any]:
        if time.monotonic() > self._until:
            with self._session() as session:
                try:
                    said = self._get(session, self.settings.issuer + _DOCUMENT, withhold_token=True)
                except (RequestException, ValueError) as error:
                    raise Transient(
                        f"The provider {self.settings.issuer} does not answer: try again later."
                    ) from error
            self._check(said)
            self._said, self._until = said, time.monotonic() + _KEPT
        return self._said

    def _check(self, said: Mapping[str, Any]) -> None:
        # Letter by letter, as OpenID Connect Discovery asks (4.3): the ID token is held against it.
        if said.get("issuer") != self.settings.issuer:
            raise NeedsPerson(
                f"The provider calls itself {said.get('issuer')!r}, not {self.settings.issuer!r}: write sign_in.oidc.issuer just so."
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(str(said.get(name, "")))
            if parts.scheme != "https" and parts.hostname not in LOOPBACK:
                raise NeedsPerson(f"The provider's {name} is no https address: nobody can sign in safely.")

    def _get(self, session: Any, address: str, **options: Any) -> Mapping[str, Any]:
        # Followed nowhere: only the addresses that the provider names were checked.
        answer = session.get(address, timeout=_TIMEOUT, allow_redirects=False, **options)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found


def is_name(text: str) -> bool:
    """Whether a text can be somebody's name, or a group's: something to read, on one line."""
    return 0 < len(text) <= _LONGEST and text.isprintable() and text == text.strip()
