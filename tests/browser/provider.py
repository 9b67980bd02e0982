"""An OpenID Connect provider on loopback, on Authlib's server side: who comes is signed in as the one that it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, jsonify
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT, SECRET = "envmgr", "s3cret-of-the-client"


@dataclass
class Somebody:
    """Who signs in, and what goes wrong on the way."""

    claims: dict[str, Any] = field(
        default_factory=lambda: {"preferred_username": "carol", "groups": ["engineering", "release"]}
    )
    key: RSAKey | None = None
    refuses: bool = False


@dataclass
class Provider:
    """A running provider."""

    issuer: str
    somebody: Somebody
    seen: list[dict[str, str]]


class _Client(ClientMixin):
    """envmgr, with a secret and one address to come back to."""

    def __init__(self, back: str) -> None:
        self.back = back

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.back

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.back

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Code:
    """A code, and what it was given for."""

    def __init__(self, request: Any) -> None:
        payload = request.payload
        self.redirect_uri, self.scope = payload.redirect_uri, payload.scope
        self.nonce = payload.data.get("nonce")
        self.code_challenge = payload.data.get("code_challenge")
        self.code_challenge_method = payload.data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        return str(self.scope)

    def get_nonce(self) -> str:
        return str(self.nonce)

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@contextmanager
def provider(back: str) -> Iterator[Provider]:
    """A provider that sends people back to one address."""
    app = Flask(__name__)
    web = make_server("127.0.0.1", 0, app, threaded=True)
    found = Provider(f"http://127.0.0.1:{web.server_port}", Somebody(), [])
    _serve(app, found, _Client(back))
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def _serve(app: Flask, found: Provider, client: _Client) -> None:
    key, codes = RSAKey.generate_key(2048, auto_kid=True), dict[str, _Code]()

    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            found.seen.append(dict(request.payload.data))
            codes[code] = _Code(request)

        def query_authorization_code(self, code: str, client: Any) -> _Code | None:
            return codes.get(code)

        def delete_authorization_code(self, authorization_code: _Code) -> None:
            for code in [c for c, each in codes.items() if each is authorization_code]:
                del codes[code]

        def authenticate_user(self, authorization_code: _Code) -> str:
            return "subject"

    class IdToken(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def resolve_client_private_key(self, client: Any) -> RSAKey:
            return found.somebody.key or key

        def get_client_claims(self, client: Any) -> dict[str, Any]:
            return {"iss": found.issuer}

        def get_client_algorithm(self, client: Any) -> str:
            return "RS256"

        def generate_user_info(self, user: str, scope: str) -> Any:
            return UserInfo(sub=user, **found.somebody.claims)

    server = AuthorizationServer(app, query_client=lambda _: client, save_token=lambda *_: None)
    server.register_grant(Grant, [IdToken(), CodeChallenge(required=True)])

    @app.get("/.well-known/openid-configuration")
    def document() -> Any:
        return jsonify(
            issuer=found.issuer,
            authorization_endpoint=f"{found.issuer}/authorize",
            token_endpoint=f"{found.issuer}/token",
            jwks_uri=f"{found.issuer}/keys",
        )

    @app.get("/authorize")
    def authorize() -> Any:
        user = None if found.somebody.refuses else "subject"
        return server.create_authorization_response(
            grant_user=user, grant=server.get_consent_grant(end_user=user)
        )

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/keys")
    def keys() -> Any:
        return jsonify(keys=[key.as_dict(private=False)])
