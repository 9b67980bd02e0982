"""Asking a server that the operator named, within a time limit over all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from urllib3.exceptions import HTTPError

from envmgr.domain.errors import NeedsPerson, Transient

from .addresses import asking
from .failure import reason
from .pools import AuthoritiesUnreadable
from .request_timeout import RequestTimeout


@contextmanager
def exchange(who: str, seconds: float) -> Iterator[None]:
    """Within the block `who` is asked; it may be at a private address, as where it is is the operator's word.

    Raises Transient where it did not answer in so many seconds, or not as it should (ValueError in the block), and
    NeedsPerson where the authorities to be trusted cannot be read.
    """
    timeout = RequestTimeout(seconds)
    try:
        with timeout, asking(None):
            yield
            if timeout.is_over:  # what was cut off may look whole
                raise TimeoutError
    except AuthoritiesUnreadable as error:
        raise NeedsPerson(f"{who} could not be asked: {error}.") from error
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        cause = TimeoutError() if timeout.is_over else error
        raise Transient(f"{who} did not answer ({reason(cause, seconds)}).") from error
