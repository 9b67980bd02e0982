"""On what terms git would ask a remote: where more than the URL and a password counts, only git knows how."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..location import Location

_URL = re.compile(
    r"https?://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~+,=@%-]+)+)/?"
)
_DOTS = re.compile(r"/\.{1,2}(/|$)|%2e", re.IGNORECASE)  # curl resolves them
# A proxy, another helper or library, a ticket, a trace that somebody wants to see.
_FOR_GIT = re.compile(
    r"(HTTPS?|ALL)_PROXY|GIT_(PROXY_|TRACE|EXEC_PATH|SSL_(?!CAINFO$)).*|LD_LIBRARY_PATH|KRB5.*", re.IGNORECASE
)
_AUTHORITIES = re.compile(r"SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE")
# Where distributions keep whom they trust, and tell their curl so.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_DISTRIBUTION = Path("/usr/bin")
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the question goes; `authorities` is a file whose authorities git trusts too, None where there is no TLS."""

    host: str
    port: int
    authority: str
    target: str
    authorities: Path | None


def by_url_alone(location: Location, environ: Mapping[str, str]) -> Address | None:
    """The address of a remote where git goes by nothing but its URL and a password; None where git is to be asked."""
    found = _URL.fullmatch(location.url)
    if found is None or location.transport not in _PORTS or _DOTS.search(found["path"]):
        return None
    if any(value and _FOR_GIT.fullmatch(name) for name, value in environ.items()) or _has_netrc():
        return None
    authorities = trusted_by_git(environ) if location.transport == "https" else None
    port = int(found["port"] or _PORTS[location.transport])
    if (authorities is None and location.transport == "https") or not 0 < port < 2**16:
        return None
    authority = found["host"] if port == _PORTS[location.transport] else f"{found['host']}:{port}"
    return Address(
        found["host"].strip("[]"), port, authority, f"{found['path']}/git-upload-pack", authorities
    )


def trusted_by_git(environ: Mapping[str, str]) -> Path | None:
    """A file of authorities each of which git trusts; None where that is not sure.

    GIT_SSL_CAINFO is git's own. Without it its curl has the distribution's, if it is the distribution's git.
    """
    if own := environ.get("GIT_SSL_CAINFO"):
        return Path(own)
    if any(value and _AUTHORITIES.fullmatch(name) for name, value in environ.items()):
        return None
    git = shutil.which("git", path=environ.get("PATH"))
    if git is None or Path(git).resolve().parent != _DISTRIBUTION:
        return None
    return next((path for path in map(Path, _BUNDLES) if path.is_file()), None)


def _has_netrc() -> bool:
    """Whether there may be a file by which git's curl finds passwords."""
    try:
        (Path.home() / ".netrc").lstat()
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):
        return True
    return True
