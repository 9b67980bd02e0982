"""Why a forge could not be asked, or refused: by what is to be done about it, and in envmgr's own words."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from envmgr.config.sections.secrets import Redactor
from envmgr.domain.errors import EnvmgrError, NeedsOperator, NeedsPerson, NotThere, Transient

from .answer import Answer

_SAID = 200
_SHOWN = 160


class Declined(NeedsPerson):
    """A forge understood what was asked for, and will not do it: `status` is what it answered, `said` its own words."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class NotAllowed(NeedsOperator):
    """A forge knows who asks, and does not let her do it."""


def refusal(answer: Answer, method: str, sent: Mapping[str, str], unknown: Collection[int]) -> EnvmgrError:
    """What to raise for an answer that is no success. `sent` are the headers whose secrets may be told by nobody."""
    status, where = answer.status, answer.where
    said = Redactor(secrets_of(sent)).redact(said_in(answer.body))
    asked = f"{method} {_shown(answer.url)}"
    told = f"{status}, {asked}: {said}" if said else f"{status}, {asked}"
    if status in unknown:
        return NeedsOperator(
            f"{where} does not accept the credentials that envmgr has for it ({told}): give new ones."
        )
    if status == HTTPStatus.FORBIDDEN:
        return NotAllowed(f"{where} does not let envmgr do this ({told}): give its credentials the right.")
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return NotThere(f"{where} has nothing there, or does not show it to envmgr ({told}).")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return NeedsOperator(
            f"{where} leads elsewhere ({told}), which is not followed: is the forge's `url` right, or was the repository renamed?"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Transient(f"{where} did not answer as it should ({told}).")
    return Declined(f"{where} does not take what envmgr sent ({told}).", status, said)


def said_in(body: object) -> str:
    """What a forge says of a refusal, on one line and short; it is somebody else's text."""
    words = " ".join(_words(body))
    shown = "".join(each if each.isprintable() else " " for each in words[: 4 * _SAID])
    return " ".join(shown.split())[:_SAID]


def _words(body: object) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for each in body[:5]:
            yield from _words(each)
    elif isinstance(body, Mapping):
        for name in ("message", "error", "errors", "error_description", "detail", "code", "field"):
            yield from _words(body.get(name))


def secrets_of(headers: Mapping[str, str]) -> Iterator[str]:
    """What in headers is secret: the credentials, also within the base64 of a user's name and password."""
    for name, value in headers.items():
        if name.lower() not in ("authorization", "private-token"):
            continue
        scheme, _, credentials = value.rpartition(" ")
        yield credentials
        if scheme.lower() == "basic":
            try:
                yield base64.b64decode(credentials).decode().partition(":")[2]
            except (binascii.Error, ValueError):
                continue


def _shown(url: str) -> str:
    path = urlsplit(url).path
    return path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…"
