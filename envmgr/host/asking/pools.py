"""Connections to servers, by the proxies and authorities that an environment names."""

import ssl
import threading
from collections.abc import Mapping
from urllib.parse import unquote

import certifi
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager
from urllib3.util import Timeout, Url, make_headers, parse_url

from envmgr.host.credentials.network import proxies, trust

from .request_timeout import POOLS


class AuthoritiesUnreadable(Exception):
    """The file of authorities to be trusted besides cannot be read; the message names it."""


class Pools:
    """Makes connections that heed the time limit, and whom may be asked, in whose block they are used."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """By an environment's variables."""
        self._environ = environ
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def proxy(self, address: Url) -> str | None:
        """The proxy that leads to an address, if any."""
        host = (address.host or "").strip("[]")
        return proxies(self._environ, host).get(address.scheme or "")

    def of(self, address: Url) -> PoolManager:
        """Connections to an address, by its proxy if it has one. Raises AuthoritiesUnreadable."""
        proxy = self.proxy(address)
        is_secure = address.scheme == "https" or (proxy or "").startswith("https:")
        context = self._authorities() if is_secure else None
        pools = _through(proxy, context) if proxy else PoolManager(ssl_context=context)
        pools.pool_classes_by_scheme = POOLS
        return pools

    def open(
        self, method: str, address: Url, seconds: float, headers: Mapping[str, str], body: bytes | None = None
    ) -> BaseHTTPResponse:
        """The answer of an address, its body still to be read, over a connection of its own; nothing is followed or tried again.

        :param seconds: how long connecting may take, and each wait for more
        """
        return self.of(address).urlopen(
            method,
            address.url,
            body=body,
            headers={"User-Agent": "envmgr", "Connection": "close", **headers},
            redirect=False,
            retries=False,
            timeout=Timeout(connect=seconds, read=seconds),
            preload_content=False,
        )

    def _authorities(self) -> ssl.SSLContext:
        """Made once: it takes a while."""
        with self._lock:
            if self._context is None:
                self._context = trusted(self._environ)
            return self._context


def trusted(environ: Mapping[str, str], *files: str | None) -> ssl.SSLContext:
    """Trusts who the system, certifi and SSL_CERT_FILE trust, and the authorities in some files besides.

    Raises AuthoritiesUnreadable.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    own = trust(environ, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    if isinstance(own, str):
        _trust_also(context, own, f"{own}, which SSL_CERT_FILE names,")
    for file in files:
        if file is not None:
            _trust_also(context, file, file)
    return context


def _trust_also(context: ssl.SSLContext, file: str, shown: str) -> None:
    try:
        context.load_verify_locations(file)
    except OSError as error:
        raise AuthoritiesUnreadable(f"{shown} cannot be read") from error


def _through(proxy: str, context: ssl.SSLContext | None) -> ProxyManager:
    login = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
    return ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=context, ssl_context=context)
