"""Where page and API are served, and how people sign in."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from envmgr.config.settings import LOOPBACK, SOCKET, OidcSettings, ProxySettings, ServerSettings

from .section import Section
from .values import AbsolutePath, Count, Named, Period, SecretValue, Text, network

_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def _listen(value: str) -> str:
    if value.startswith("unix:/") and value.isprintable():
        return value
    found = _LISTEN.fullmatch(value)
    if found is None or int(found["port"]) > 65535:
        raise ValueError("it must be ADDRESS:PORT or unix:/path, such as 127.0.0.1:8420")
    return value


def _address(value: str) -> str:
    parts = urlsplit(value)
    try:
        is_sound = bool(parts.hostname) and not parts.query and not parts.fragment and not parts.username
        _ = parts.port
    except ValueError:
        is_sound = False
    if parts.scheme not in ("https", "http") or not is_sound or not value.isprintable():
        raise ValueError("it must be an https address, such as https://envmgr.example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("what people sign in with would cross the network unprotected; write https://")
    return value.rstrip("/")


def _believed(value: str) -> str:
    return value if value == SOCKET else network(value)


def _mode(value: Any) -> Any:
    if not isinstance(value, str) or re.fullmatch(r"0?[0-7]{3}", value) is None:
        raise ValueError('it must be three octal digits in quotes, such as "660"')
    return value


Believed = Annotated[str, AfterValidator(_believed), Named("network or unix")]
WebAddress = Annotated[str, AfterValidator(_address), Named("https address")]


class Oidc(Section):
    """Sign-in by OpenID Connect."""

    issuer: WebAddress = Field(
        description="The provider's address, as its configuration document names it.",
        examples=["https://login.example.com"],
    )
    client_id: Text = Field(description="By what the provider knows envmgr.", examples=["envmgr"])
    client_secret: SecretValue | None = Field(
        default=None,
        repr=False,
        description="What proves it; a public client has none.",
        examples=[{"systemd": "envmgr-oidc"}],
    )
    name_claim: Text = Field(
        default="preferred_username",
        description="The claim that is a person's name, as `access` has it.",
        examples=["email"],
    )
    groups_claim: Text = Field(
        default="groups", description="The claim that lists a person's groups.", examples=["groups"]
    )
    scopes: tuple[Text, ...] = Field(
        default=("openid", "profile"),
        description="What the provider is asked for.",
        examples=[["openid", "profile", "groups"]],
    )


class Proxy(Section):
    """A proxy in front, whose headers are believed: of X-Forwarded-For, and of who somebody is."""

    user_header: Text | None = Field(
        default=None,
        description="The header with the person's name; without it the proxy signs nobody in.",
        examples=["X-Forwarded-User"],
    )
    groups_header: Text | None = Field(
        default=None,
        description="The header with her groups, separated by commas.",
        examples=["X-Forwarded-Groups"],
    )
    networks: tuple[Believed, ...] = Field(
        alias="from",
        description="From which addresses its headers are believed (`unix`: over the socket); from all others they are not.",
        examples=[["127.0.0.1/32"]],
    )


class SignIn(Section):
    """How people sign in; without any of it only tokens are taken."""

    oidc: Oidc | None = Field(
        default=None,
        description="An OpenID Connect provider.",
        examples=[{"issuer": "https://login.example.com", "client_id": "envmgr"}],
    )
    proxy: Proxy | None = Field(
        default=None,
        description="A proxy that says where requests come from, and perhaps who asks.",
        examples=[{"user_header": "X-Forwarded-User", "from": ["127.0.0.1/32"]}],
    )
    session: Period = Field(
        default=timedelta(hours=12),
        description="How long somebody stays signed in.",
        examples=["12h"],
    )


class Tls(Section):
    """A certificate of the server's own, where nothing in front has one."""

    certificate: AbsolutePath = Field(
        description="The certificate with its chain, in PEM.", examples=["/etc/envmgr/tls.crt"]
    )
    key: AbsolutePath = Field(description="Its private key, in PEM.", examples=["/etc/envmgr/tls.key"])


class Server(Section):
    """Page and API, served by the daemon and by `envmgr serve`."""

    listen: Annotated[str, AfterValidator(_listen), Named("address or unix:/path")] = Field(
        default="127.0.0.1:8420",
        description="Where it listens: ADDRESS:PORT, or unix:/path for a socket.",
        examples=["127.0.0.1:8420"],
    )
    socket_mode: Annotated[str, BeforeValidator(_mode), Named("three octal digits")] = Field(
        default="660", description="The rights of the socket.", examples=["660"]
    )
    public_url: WebAddress | None = Field(
        default=None,
        description="How people reach it, where that is another address; needed for a sign-in.",
        examples=["https://envmgr.example.com"],
    )
    tls: Tls | None = Field(
        default=None,
        description="A certificate of its own, where no proxy in front has one.",
        examples=[{"certificate": "/etc/envmgr/tls.crt", "key": "/etc/envmgr/tls.key"}],
    )
    sign_in: SignIn = Field(
        default=SignIn(), description="How people sign in.", examples=[{"session": "12h"}]
    )
    requests: Count = Field(
        default=600,
        description="How many requests a minute are answered of one token, person or unknown address.",
        examples=[600],
    )
    metrics: bool | Literal["token"] = Field(
        default=False,
        description="Whether /metrics is there: to all, or (token) to viewers' tokens only.",
        examples=["token"],
    )

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if self.sign_in.oidc is not None and self.public_url is None:
            raise ValueError("sign_in.oidc comes back to `public_url`; give that, too")
        return self

    def settings(self) -> ServerSettings:
        """The settings as the rest of envmgr takes them."""
        oidc, proxy, tls = self.sign_in.oidc, self.sign_in.proxy, self.tls
        return ServerSettings(
            listen=self.listen,
            socket_mode=int(self.socket_mode, 8),
            public_url=self.public_url,
            certificate=(tls.certificate, tls.key) if tls else None,
            oidc=OidcSettings(**dict(oidc)) if oidc else None,
            proxy=ProxySettings(**dict(proxy)) if proxy else None,
            session=self.sign_in.session,
            requests=self.requests,
            metrics=self.metrics,
        )
