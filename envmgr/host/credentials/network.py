"""The way out to a cloud as an organization's environment variables describe it: proxies, trust, time limits."""

from collections.abc import Mapping
from typing import TypeVar

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.network.upstream import either_case, is_exempt, is_loopback

E = TypeVar("E", bound=EnvmgrError)

CONNECT_SECONDS = 10
READ_SECONDS = 30
RETRIES = 2


def proxies(environment: Mapping[str, str], host: str) -> dict[str, str]:
    """The proxies for a host by scheme (`{"https": "http://proxy:3128"}`); empty for a direct way.

    Reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case, and never proxies loopback, as Terraform does.
    """
    if is_loopback(host) or is_exempt(host, either_case(environment, "NO_PROXY")):
        return {}
    found = {scheme: either_case(environment, f"{scheme.upper()}_PROXY") for scheme in ("https", "http")}
    return {scheme: proxy for scheme, proxy in found.items() if proxy}


def trust(environment: Mapping[str, str], *variables: str) -> str | bool:
    """The file of certificate authorities that the first set variable names; True for the built-in ones."""
    return next((environment[name] for name in variables if environment.get(name)), True)


def is_true(value: object) -> bool:
    """Whether a setting or a variable says yes, the way Terraform reads it (`true`, `"true"`, `"1"`)."""
    return str(value).strip().lower() in {"true", "1", "t"}


def failing(kind: type[E], text: str) -> E:
    """An error whose sentence may go on after a colon as well: `text` begins as it does there.

    Only who words it knows that: a sentence may begin with a name, whose case is not to be touched.
    """
    error = kind(text[:1].upper() + text[1:])
    error.continued = text
    return error
