"""Asking an address by HTTP whether it is well."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from string import printable
from urllib.parse import quote, unquote, urljoin

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util import Url, make_headers, parse_url

from envmgr.domain.values.address import shown
from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.names import matched_part, ref_component
from envmgr.host.asking.addresses import AddressRefused, asking
from envmgr.host.asking.addresses import check as check_known
from envmgr.host.asking.failure import reason
from envmgr.host.asking.pools import AuthoritiesUnreadable, Pools
from envmgr.host.asking.request_timeout import POOLS, RequestTimeout

SECONDS = 10.0
"""How long one try may take in all."""
_REDIRECTS = 5
_LARGEST = 64 * 1024
_REFUSED = "leads to a private, loopback or link-local address, which health checks may ask only where limits.health_networks of the organization file lists it"
_MOVED = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


class NotAnswered(Exception):
    """Why there is no answer to judge."""


class HttpProbe:
    """Asks by GET, each time over a connection of its own, by the proxies and authorities that `environ` names.

    Redirects are followed, to http and https only, and only to whom may be asked. User and password of the address go
    to that address alone.

    Through a proxy it is the proxy that looks a name up: only what is known of it here can be checked.
    """

    def __init__(self, environ: Mapping[str, str], seconds: float = SECONDS) -> None:
        """Give each try so many seconds."""
        self._pools = Pools(environ)
        self._seconds = seconds

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = ()) -> str:
        """See the port."""
        try:
            with RequestTimeout(self._seconds) as timeout:
                wrong = self._ask(check, url, timeout, networks)
        except NotAnswered as error:
            wrong = str(error)
        except AddressRefused:
            wrong = _REFUSED
        except AuthoritiesUnreadable as error:
            wrong = f"could not be asked: {error}"
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            cause = TimeoutError() if timeout.is_over else error
            wrong = f"did not answer ({reason(cause, self._seconds)})"
        return f"GET {shown(url)} {wrong}." if wrong else ""

    def _ask(self, check: HealthCheck, url: str, timeout: RequestTimeout, networks: Sequence[str]) -> str:
        """What is wrong with the answer; empty where nothing is."""
        first = address = _parsed(url)
        for _ in range(_REDIRECTS + 1):
            response = self._get(address, first, networks)
            try:
                target = response.headers.get("Location")
                if target and response.status in _MOVED and response.status != check.expect:
                    address = _parsed(_as_sent(target), address.url)
                    continue
                wrong = _judged(check, response)
                if timeout.is_over:  # what was cut off may look whole
                    raise TimeoutError
                return wrong
            finally:
                response.close()
        raise NotAnswered(f"leads from one address to another, more than {_REDIRECTS} times")

    def _get(self, address: Url, first: Url, networks: Sequence[str]) -> BaseHTTPResponse:
        proxy = self._pools.proxy(address)
        if proxy:
            check_known(address.host or "", networks)
        is_same = (address.scheme, address.host, address.port) == (first.scheme, first.host, first.port)
        login = make_headers(basic_auth=unquote(first.auth)) if first.auth and is_same else {}
        with asking(None if proxy else networks):
            # Redirects are followed here, one by one, since each address has to be checked before it is asked.
            bare = address._replace(auth=None, fragment=None)
            return self._pools.open("GET", bare, self._seconds, {"Accept": "*/*", **login})


def _as_sent(location: str) -> str:
    """An address whose bytes the header's reader took for Latin-1; most servers mean UTF-8 by what they leave unquoted."""
    raw = location.encode("latin-1", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return quote(raw, safe=printable)


def _parsed(url: str, origin: str = "") -> Url:
    """The parts of an address as it stands in `origin`; NotAnswered where it is none for HTTP."""
    try:
        parsed = parse_url(urljoin(origin, url))
    except (HTTPError, ValueError) as error:
        raise NotAnswered("could not be asked: it is not an address") from error
    if parsed.scheme not in POOLS or not parsed.host:
        raise NotAnswered("could not be asked: only http and https are")
    return parsed


def _judged(check: HealthCheck, response: BaseHTTPResponse) -> str:
    if response.status != check.expect:
        return f"answered {response.status}, wanted {check.expect}"
    if not check.body:
        return ""
    # Bounded after decoding: a small body may unpack to gigabytes.
    body = response.read(_LARGEST, decode_content=True).decode(errors="replace")
    if matched_part(body, f"*{check.body}*") is not None:
        return ""
    return f'answered {response.status}, but without "{ref_component(check.body)}" in its body'
