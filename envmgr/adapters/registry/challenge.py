"""How a registry says what it wants to be sent, and what is sent."""

import base64
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from envmgr.ports.registry import Login

_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"\\]{0,2000})"')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: `basic`, or `bearer` with a token that is at `url`."""

    scheme: str
    url: str = ""


def challenge_of(header: str) -> Challenge | None:
    """What a `WWW-Authenticate` header asks for; None where that is nothing we know, or cannot be understood."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "basic":
        return Challenge("basic")
    if scheme.lower() != "bearer":
        return None
    parameters = dict(_PARAMETER.findall(rest))
    realm = parameters.pop("realm", "")
    if not urlsplit(realm).scheme or not realm.isprintable():
        return None
    asked = urlencode({name: parameters[name] for name in ("service", "scope") if name in parameters})
    return Challenge("bearer", f"{realm}{'&' if '?' in realm else '?'}{asked}")


def basic(login: Login) -> str:
    """The header's value for user name and password."""
    return f"Basic {base64.b64encode(f'{login.username}:{login.password}'.encode()).decode()}"
