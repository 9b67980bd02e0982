"""Which failures say that a connection has ended that was there: only then is a question asked anew."""

import ssl
from http.client import RemoteDisconnected

import pytest
from urllib3.exceptions import ProtocolError, ProxyError, SSLError

from envmgr.cli.remote.connection import _broke_off


@pytest.mark.parametrize(
    ("error", "broke_off"),
    [
        (ProtocolError("Connection aborted.", RemoteDisconnected("")), True),
        (ProxyError("Unable to connect to proxy", RemoteDisconnected("")), True),
        (ProxyError("Unable to connect to proxy", ConnectionResetError()), True),
        (ProxyError("Unable to connect to proxy", OSError("Tunnel connection failed: 403 Forbidden")), False),
        (SSLError(ssl.SSLEOFError()), True),
        (SSLError(ssl.SSLZeroReturnError()), True),
        (SSLError(ssl.SSLCertVerificationError()), False),
        (SSLError(), False),
    ],
)
def test_a_connection_that_was_there_is_told_from_one_that_was_refused(
    error: ProtocolError | ProxyError | SSLError, broke_off: bool
) -> None:
    assert _broke_off(error) is broke_off
