"""One exchange with a forge over HTTP, bounded in time and size."""

import ssl
import threading
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envmgr.domain.errors import NeedsOperator, Transient
from envmgr.host.credentials.network import proxies

if TYPE_CHECKING:
    import httpx2

SECONDS = 20.0
"""How long one exchange may take in all."""

LARGEST = 32 * 1024 * 1024
"""The largest body that is read, in bytes after decoding: a hundred comments of the greatest length."""

_CONNECT = 10.0


class Wire:
    """Asks one forge, each time over a connection of its own: a kept one may be closed just as something is written, and nobody knows then.

    By the proxies and authorities that `environ` names, and `authorities` besides. Follows nothing, keeps no cookies, logs nothing.
    """

    def __init__(
        self,
        where: str,
        environ: Mapping[str, str],
        authorities: str | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`where` names the forge in sentences; nothing is loaded or opened yet."""
        self._where, self._environ, self._authorities, self._seconds = where, environ, authorities, seconds
        self._transports: dict[tuple[str, str], httpx2.HTTPTransport] = {}
        self._lock = threading.Lock()

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by names in lower case, and the decoded body. Raises Transient where there is no whole answer."""
        import httpx2

        from envmgr.host.asking.failure import reason
        from envmgr.host.asking.request_timeout import RequestTimeout

        timeout = RequestTimeout(self._seconds)
        try:
            transport = self._transport(url)
            with timeout:
                request = httpx2.Request(
                    method,
                    url,
                    headers={
                        "User-Agent": "envmgr",
                        "Accept-Encoding": "gzip",
                        "Connection": "close",
                        **headers,
                    },
                    content=body,
                    extensions={"timeout": self._limits(), "trace": _watching(timeout)},
                )
                response = transport.handle_request(request)
                try:
                    found = {name.lower(): value for name, value in response.headers.items()}
                    content = _decoded(response.iter_raw(), found.get("content-encoding", ""))
                finally:
                    response.close()
                if timeout.is_over:  # what was cut off may look whole
                    raise TimeoutError
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, zlib.error) as error:
            cause = TimeoutError() if timeout.is_over else error
            is_cut = isinstance(cause, httpx2.RemoteProtocolError)
            why = "it broke off" if is_cut else reason(cause, self._seconds)
            raise Transient(f"{self._where} did not answer ({why}).") from error
        return response.status_code, found, content

    def _limits(self) -> dict[str, float]:
        connect = min(_CONNECT, self._seconds)
        return {"connect": connect, "read": self._seconds, "write": self._seconds, "pool": self._seconds}

    def _transport(self, url: str) -> "httpx2.HTTPTransport":
        """What reaches an address, made once: reading the authorities takes a while."""
        import httpx2

        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        with self._lock:
            if key not in self._transports:
                proxy = proxies(self._environ, parts.hostname or "").get(parts.scheme) or ""
                is_secure = "https" in (parts.scheme, urlsplit(proxy).scheme)
                # One that trusts nobody is made at once.
                context = self._trusted() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                self._transports[key] = httpx2.HTTPTransport(
                    verify=context,
                    trust_env=False,
                    limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
                    proxy=httpx2.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None)
                    if proxy
                    else None,
                )
            return self._transports[key]

    def _trusted(self) -> ssl.SSLContext:
        from envmgr.host.asking.pools import AuthoritiesUnreadable, trusted

        try:
            return trusted(self._environ, self._authorities)
        except AuthoritiesUnreadable as error:
            raise NeedsOperator(f"{self._where} could not be asked: {error}.") from error


def _watching(timeout: Any) -> Any:
    """Has the time limit cut off each connection that is opened, also while a server sends a byte now and then."""

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            timeout.watch(info["return_value"].get_extra_info("socket").fileno())

    return trace


def _decoded(chunks: Iterable[bytes], encoding: str) -> bytes:
    """All of a body; ValueError for one that is larger than any should be, before it is unpacked."""
    # Unpacked here and not by the library: that unpacks a chunk to whatever it becomes.
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding.strip().lower() == "gzip" else None
    if unpack is None and encoding.strip().lower() not in ("", "identity"):
        raise ValueError("not encoded as was asked for")
    found = bytearray()
    for chunk in chunks:
        found += unpack.decompress(chunk, LARGEST + 1 - len(found)) if unpack is not None else chunk
        if len(found) > LARGEST:
            raise ValueError("too large")
    if unpack is not None and found and not unpack.eof:
        raise ValueError("cut off")
    return bytes(found)
