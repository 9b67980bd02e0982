"""Where the API is that verbs speak to, whom they speak for, and which certificates they believe."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.rules.network.upstream import Upstream, is_loopback, upstream_of

_PREFIX = "envmgr_"
_TOKEN = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]+")
_HTTPS = 443
_MOST = 4096
"""How much of a token's file is read; what is longer is no token."""


@dataclass(frozen=True, slots=True)
class Address:
    """Of an API: its address without a slash at the end, the secret, and how TLS is verified (None: there is none).

    `proxy` is the one of this host by which it is reached, as HTTPS_PROXY and NO_PROXY say; None where it is by none.
    """

    url: str
    token: str = field(repr=False)
    tls: ssl.SSLContext | None
    proxy: Upstream | None = None


def address(
    server: str, token_file: str | None, authority: str | None, environ: Mapping[str, str]
) -> Address:
    """What the options and `$ENVMGR_TOKEN` come to. Raises UsageError, before anything is sent, where they will not do."""
    url, is_plain = _url(server)
    tls = None if is_plain else _tls(authority)
    return Address(url, _token(token_file, environ), tls, None if is_plain else _proxy(url, environ))


def _url(server: str) -> tuple[str, bool]:
    """The address, and whether it is without TLS."""
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not server.isascii() or not server.isprintable():
        raise UsageError("--server must be an address such as https://envmgr.example.com.")
    if "@" in parts.netloc or parts.query or parts.fragment or " " in server:
        raise UsageError("--server must be an address alone: no name, password, query or fragment in it.")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"http://{parts.netloc} would show the token to everybody on the way, so it was not sent: "
            "use https (http only to this host itself)."
        )
    return server.rstrip("/"), parts.scheme == "http"


def _proxy(url: str, environ: Mapping[str, str]) -> Upstream | None:
    try:
        found = upstream_of(environ)
    except NeedsPerson as error:
        raise UsageError(
            "HTTPS_PROXY is no http://HOST:PORT, and by no other kind of proxy a server is reached: correct or unset it."
        ) from error
    parts = urlsplit(url)
    is_meant = found is not None and found.leads_to(parts.hostname or "", parts.port or _HTTPS)
    return found if is_meant else None


def _tls(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it has no certificates"
        raise UsageError(f"--ca {authority} cannot be used: {said}.") from error


def _token(file: str | None, environ: Mapping[str, str]) -> str:
    """The secret, from the file of the option or of `$ENVMGR_TOKEN`, which may be the secret itself."""
    if file is not None and file.startswith(_PREFIX) and not Path(file).exists():
        raise UsageError(
            "--token names a file: a secret on the command line is seen by everybody on this host. "
            "Revoke this one, and make another."
        )
    given = file or environ.get("ENVMGR_TOKEN")
    if not given:
        raise UsageError(
            "A server asks who you are: --token names the file of a token, or $ENVMGR_TOKEN has it. "
            "`envmgr token create` makes one there."
        )
    secret = given if file is None and given.startswith(_PREFIX) else _read(Path(given))
    if not _TOKEN.fullmatch(secret):
        where = "$ENVMGR_TOKEN" if file is None else file
        raise UsageError(f"{where} is not a token: it begins with {_PREFIX} and has nothing else beside it.")
    return secret


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode(errors="replace").strip()
    except (OSError, ValueError) as error:
        # Not what the variable says: it may be a secret that was put there by mistake.
        said = getattr(error, "strerror", None) or "that is no path"
        raise UsageError(f"The token's file cannot be read: {said}.") from error
