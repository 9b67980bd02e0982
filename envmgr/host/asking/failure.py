"""Why nothing answered, in envmgr's own words: what a server sent is never repeated."""

import ssl
from collections.abc import Iterator
from http.client import RemoteDisconnected
from socket import gaierror

from urllib3 import exceptions

_TEXTS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((gaierror, exceptions.NameResolutionError), "its name cannot be resolved"),
    ((TimeoutError, exceptions.TimeoutError), "it took longer than {:g} s"),
    ((ssl.SSLError,), "the TLS connection failed"),
    ((RemoteDisconnected,), "it closed the connection"),
    ((exceptions.DecodeError,), "its body is not encoded as its headers say"),
)


def reason(error: BaseException, seconds: float) -> str:
    """Why a GET with a time limit (seconds) failed, such as `connection refused`."""
    through = "the proxy: " if isinstance(error, exceptions.ProxyError) else ""
    return through + next(
        filter(None, (_named(each, seconds) for each in _chain(error))), "what came back was not HTTP"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the innermost first: only that one knows."""
    inner = error.__cause__ or error.__context__ or _wrapped(error)
    if inner is not None and inner is not error:
        yield from _chain(inner)
    yield error


def _wrapped(error: BaseException) -> BaseException | None:
    return next((each for each in error.args if isinstance(each, BaseException)), None)


def _named(error: BaseException, seconds: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
    for kinds, text in _TEXTS:
        if isinstance(error, kinds):
            return text.format(seconds)
    return (error.strerror or "").lower() if isinstance(error, OSError) else ""
