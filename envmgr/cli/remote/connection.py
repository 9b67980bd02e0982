"""Speaking to the API over HTTP: bounded in size and time, and every failure as a sentence."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.exceptions import HTTPError, ProtocolError, ProxyError, SSLError

from envmgr import __version__
from envmgr.cli.screen import printable, say
from envmgr.domain.errors import EnvmgrError, NeedsPerson, NotThere, Transient, UsageError

from .address import Address

_CONNECT = 10.0
_READ = 30.0
_WHOLE = 120.0
"""How long a whole answer may take (seconds)."""
_MOST = 64 << 20
"""How long an answer may be (bytes); a page of 500 environments has about one million."""
_CHUNK = 64 << 10
_TRIES = 4
_LONGEST_PAUSE = 60
_PAGE = 500

Query = Mapping[str, str | int | None]


class NotUnderstood(EnvmgrError):
    """The server answers in a way that this version does not know."""


class Connection:
    """Asks an API; nothing is followed elsewhere, and the token goes nowhere else."""

    def __init__(self, address: Address) -> None:
        """Nothing is sent yet."""
        self.url = address.url
        self._headers = {
            "Authorization": f"Bearer {address.token}",
            # What is bounded is then what is read: a small answer could unpack to a huge one.
            "Accept-Encoding": "identity",
            "User-Agent": f"envmgr/{__version__}",
        }
        self._pool = _pool(address)

    def close(self) -> None:
        """Ends all connections."""
        self._pool.clear()

    def get(self, path: str, **query: str | int | None) -> Any:
        """One answer. Raises NotThere, UsageError, NeedsPerson or Transient, as the server's problem says."""
        return self._answer("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any], key: str) -> Any:
        """Asks for something; `key` makes sure that it is written down once, however often it is sent."""
        return self._answer("POST", path, {}, body, key)

    def pages(self, path: str, query: Query, limit: int | None = None) -> Iterator[Any]:
        """The items of a list, page by page as they are taken, at most `limit` of them."""
        after, left = None, limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            page = self.get(path, **{**query, "limit": size, "after": after})
            with self.understood():
                items, following = list(page["items"]), page["next"]
            yield from items[:left]
            left = None if left is None else left - len(items)
            # A cursor that stays, or a page with nothing, would lead on for ever.
            if following is None or following == after or not items:
                return
            after = str(following)

    def open(
        self, path: str, headers: Mapping[str, str], read: float = _READ, **query: str | int | None
    ) -> BaseHTTPResponse:
        """An answer that is read by whoever asks. Raises as `get`."""
        response = self._send("GET", path, query, headers=headers, read=read)
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._failure(response, path)
        return response

    def understood(self) -> "_Understood":
        """A block that takes answers apart: what is not as expected there is said, with both versions."""
        return _Understood(self)

    @property
    def version(self) -> str:
        """The version that answers; empty where it does not say."""
        try:
            found = self.get("/me")["version"]
        except (EnvmgrError, LookupError, TypeError):
            return ""
        return printable(str(found))[:40]

    def _answer(
        self, method: str, path: str, query: Query, body: Mapping[str, Any] | None = None, key: str = ""
    ) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._send(method, path, query, body, headers)
            except Transient:
                # Of a wish it is not known whether it has arrived.
                if attempt == _TRIES or not key:
                    raise
                time.sleep(attempt)
                continue
            pause = _pause(response) if attempt < _TRIES else None
            if pause is None:
                break
            response.close()
            time.sleep(pause)
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._failure(response, path)
        return self._parsed(self._body(response))

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        read: float = _READ,
    ) -> BaseHTTPResponse:
        given = {name: str(value) for name, value in query.items() if value is not None}
        url = f"{self.url}/api/v1{quote(path, safe='/:')}{'?' if given else ''}{urlencode(given)}"
        sent = {} if body is None else {"Content-Type": "application/json"}

        def ask() -> BaseHTTPResponse:
            return self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers={**self._headers, **sent, **(headers or {})},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=_CONNECT, read=read),
            )

        try:
            try:
                return ask()
            except (ProtocolError, ProxyError, SSLError) as error:
                # A connection that was kept may be closed just then: what only reads is asked anew.
                if method != "GET" or not _broke_off(error):
                    raise
                return ask()
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> EnvmgrError:
        said = printable(str(getattr(error, "reason", None) or error))[:300]
        if isinstance(error, SSLError):
            return NeedsPerson(
                f"The certificate of {self.url} is not one that is trusted here: {said}. "
                "If its authority is your own, name its file by --ca."
            )
        return Transient(f"{self.url} cannot be reached: {said.rpartition(': ')[2].removesuffix('.')}.")

    def _body(self, response: BaseHTTPResponse) -> bytes:
        found, over = bytearray(), time.monotonic() + _WHOLE
        try:
            while chunk := response.read1(_CHUNK):
                found += chunk
                if len(found) > _MOST:
                    response.close()
                    raise NeedsPerson(
                        f"{self.url} answers with more than {_MOST >> 20} MiB: that is not read."
                    )
                if time.monotonic() > over:
                    response.close()
                    raise Transient(f"{self.url} takes longer than {_WHOLE:.0f} s for an answer: try again.")
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        response.release_conn()
        return bytes(found)

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NotUnderstood(f"{self.url} does not answer as envmgr does: is that its address?") from error

    def _failure(self, response: BaseHTTPResponse, path: str) -> EnvmgrError:
        """What a refusal says, as the same refusal at the command line of the host."""
        status = response.status
        if status < HTTPStatus.BAD_REQUEST:
            response.close()
            target = printable(response.headers.get("Location", "elsewhere"))[:200]
            return NeedsPerson(
                f"{self.url} sends on to {target}; the token is not sent there. If that is right, name it by --server."
            )
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        try:
            said = str(json.loads(self._body(response))["detail"]) if is_problem else ""
        except (EnvmgrError, ValueError, LookupError, TypeError, RecursionError):
            said = ""
        said = printable(said)[:2000]
        if status == HTTPStatus.NOT_FOUND and said in ("", "Not Found"):
            return NeedsPerson(
                f"{self.url} has no {path.partition('?')[0]} in its API v1: it is not envmgr, or of a version "
                f"that does not fit this one ({__version__})."
            )
        if not said:
            return Transient(f"{self.url} answers {status} and does not say why: ask who runs it.")
        if status == HTTPStatus.NOT_FOUND:
            return NotThere(said)
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            return UsageError(said)
        return NeedsPerson(said)


def _pool(address: Address) -> PoolManager:
    proxy = address.proxy
    if proxy is None:
        return PoolManager(ssl_context=address.tls, retries=False)
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    given = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
    # It leads to the server's own TLS: it sees neither the token nor what is asked for.
    return ProxyManager(
        f"http://{host}:{proxy.port}", proxy_headers=given, ssl_context=address.tls, retries=False
    )


def _broke_off(error: ProtocolError | ProxyError | SSLError) -> bool:
    """Whether a connection that was there has ended.

    The library says of one that was kept, by a proxy, that the proxy was not reached: it has forgotten that it was.
    """
    if isinstance(error, ProtocolError):
        return True
    inner = error.original_error if isinstance(error, ProxyError) else next(iter(error.args), None)
    return isinstance(inner, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)


class _Understood:
    """Turns what goes wrong in taking an answer apart into a sentence."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        """Nothing is to be done."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not isinstance(error, LookupError | TypeError | ValueError | AttributeError):
            return
        version = self._connection.version or "of another kind"
        raise NotUnderstood(
            f"{self._connection.url} (envmgr {version}) answers in a way that this envmgr ({__version__}) does not "
            "understand: use the same version here."
        ) from error


def _pause(response: BaseHTTPResponse) -> float | None:
    """How long to wait before it is asked again, where it says so; None where it is an answer."""
    if response.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return None
    after = response.headers.get("Retry-After", "")
    if not (after.isascii() and after.isdigit()) or int(after[:9]) > _LONGEST_PAUSE:
        return None
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        say(f"Too many requests: waiting {int(after)} s.")
    return float(after)
