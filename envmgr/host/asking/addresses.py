"""Connections to addresses that may be asked: a name is looked up once, and what was found is checked and connected to."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from envmgr.domain.rules.network.networks import is_open

_networks: ContextVar[Sequence[str] | None] = ContextVar("networks", default=())


class AddressRefused(Exception):
    """All that a name stands for is where nobody may be asked."""


@contextmanager
def asking(networks: Sequence[str] | None) -> Iterator[None]:
    """Within the block, connections go to public addresses and these networks only; with None anywhere."""
    token = _networks.set(networks)
    try:
        yield
    finally:
        _networks.reset(token)


def check(host: str, networks: Sequence[str]) -> None:
    """Raises AddressRefused for a name, to be looked up by somebody else, that leads where nobody may be asked, as far as is known here."""
    try:
        found = _addresses(host)
    # A name that is unknown here may be known to the proxy that is asked for it.
    except OSError:
        return
    if not all(is_open(address, networks) for address in found):
        raise AddressRefused


class CheckedConnection(HTTPConnection):
    """Connects to what was checked, by number: asked for a second time, a name may say something else."""

    def _new_conn(self) -> socket.socket:
        networks = _networks.get()
        if networks is None:
            return super()._new_conn()
        name = self._dns_host
        try:
            found = [address for address in _addresses(name) if is_open(address, networks)]
        except OSError as error:
            raise NameResolutionError(self.host, self, socket.gaierror(*error.args)) from error
        if not found:
            raise AddressRefused
        try:
            return self._first(found)
        finally:
            # Given back before TLS begins: urllib3 takes the name for certificate and SNI from the same
            # field.
            self._dns_host = name

    def _first(self, addresses: Sequence[str]) -> socket.socket:
        for address in addresses[:-1]:
            self._dns_host = address
            try:
                return super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError):
                continue
        self._dns_host = addresses[-1]
        return super()._new_conn()


def _addresses(host: str) -> list[str]:
    """What a name stands for, each once, in the order in which they are to be tried; OSError where nobody knows."""
    try:
        found = socket.getaddrinfo(host.strip("[]").rstrip("."), None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
