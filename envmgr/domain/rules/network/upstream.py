"""By which proxy of the host's own a connection goes, as the usual environment variables say it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from envmgr.domain.errors import NeedsPerson

_PORT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A proxy of the host's own: where it is, what it is told of us, and what does not go by it (`NO_PROXY`)."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    exempt: str = ""

    def leads_to(self, host: str, port: int) -> bool:
        """Whether a connection goes by it."""
        return not is_loopback(host) and not is_exempt(host, self.exempt, port)


def upstream_of(environment: Mapping[str, str]) -> Upstream | None:
    """The proxy that HTTPS_PROXY names, in either case; raises NeedsPerson where we cannot go by it."""
    address = either_case(environment, "HTTPS_PROXY")
    if not address:
        return None
    found = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = found.port or _PORT
    except ValueError:
        port = 0
    if found.scheme != "http" or not found.hostname or not port:
        raise NeedsPerson(
            "The cage cannot be made: HTTPS_PROXY is no http://HOST:PORT, and by no other kind of proxy a cage reaches "
            "the network. Correct it, or set cage.network to none or open."
        )
    return Upstream(
        host=found.hostname,
        port=port,
        authorization=_authorization(found.username, found.password),
        exempt=either_case(environment, "NO_PROXY"),
    )


def either_case(environment: Mapping[str, str], name: str) -> str:
    """A variable in upper case, or else in lower case; empty where there is none."""
    return environment.get(name) or environment.get(name.lower()) or ""


def is_loopback(host: str) -> bool:
    """Whether a host is this one, which no proxy leads to."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_exempt(host: str, exemptions: str, port: int | None = None) -> bool:
    """Whether a list as in NO_PROXY has a host: by its name, one above it, its address or its network; each with a port or without."""
    return any(_is_meant(host.lower(), entry.strip().lower(), port) for entry in exemptions.split(","))


def _is_meant(host: str, entry: str, port: int | None) -> bool:
    if entry in {"", "*"}:
        return bool(entry)
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        if port is not None and int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").lstrip("*").lstrip(".")
    return host == entry or host.endswith(f".{entry}") or _is_within(host, entry)


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _authorization(name: str | None, password: str | None) -> str:
    if name is None:
        return ""
    both = f"{unquote(name)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(both.encode()).decode()}"
