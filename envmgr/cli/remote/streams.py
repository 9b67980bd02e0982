"""Server-sent events, read on where a stream broke off."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from envmgr.domain.errors import NeedsPerson, Transient

from .connection import Connection, Query

_SILENCE = 45.0
"""How long a stream may say nothing (seconds): the server says every 15 that it is alive."""
_CHUNK = 64 << 10
_LONGEST = 8 << 20
"""How long one event may be: a line of a log is told in pieces of 1 MiB, each of whose bytes may be written as six."""
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its kind (`message` unless it says otherwise), its number, and what it says."""

    kind: str
    number: int
    data: Any


def follow(connection: Connection, path: str, query: Query, last: int | None) -> Iterator[Told]:
    """Events after number `last` (None: from now on), for ever; a stream that ends is taken up where it was."""
    misses = 0
    while True:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        try:
            response = connection.open(path, headers, _SILENCE, **{**query, "follow": "true"})
            for told in _events(connection, response):
                # Counted in a row: a stream that tells something between two failures is no dead one.
                misses, last = 0, told.number
                yield told
        except Transient:
            misses += 1
            if misses >= _TRIES:
                raise
        time.sleep(min(misses, 5) or 0.2)


def _events(connection: Connection, response: BaseHTTPResponse) -> Iterator[Told]:
    fields: dict[str, str] = {}
    try:
        for line in _lines(response):
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            if "data" in fields:
                with connection.understood():
                    yield Told(
                        fields.get("event", "message"), _number(fields["id"]), json.loads(fields["data"])
                    )
            fields = {}
    finally:
        response.close()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(text[:20])
    return int(text)


def _lines(response: BaseHTTPResponse) -> Iterator[str]:
    rest = b""
    try:
        while chunk := response.read1(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST:
                raise NeedsPerson("The server sends an event without an end: it is not read on.")
            yield from (line.removesuffix(b"\r").decode(errors="replace") for line in whole)
    except (HTTPError, OSError) as error:
        raise Transient(f"The stream broke off ({type(error).__name__}).") from error
