"""Whether remotes say what git said last, asked by this process: two processes and a handshake fewer each time.

What an answer says is never taken from here. It only counts where it is, byte for byte, what git itself printed of the
same remote before; where it is anything else, or none, git is asked, so every change and every refusal is git's.
"""

import base64
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import h11

from envmgr.ports import Remote

from ..admission import login
from ..location import Location
from . import ls_refs
from .connections import Kept, Key
from .exchange import Asked, Refused
from .terms import Address, by_url_alone

if TYPE_CHECKING:
    from envmgr.domain.values.names import RepositoryId

_LASTS = 3600.0
"""Seconds for which git's word counts: it also knows of authorities, names and passwords that are new."""
_SETTLES = 600.0
"""Seconds of git's alone after anything new, so that it also confirms what is gone; and after an answer that was no good."""
_PATIENCE = 10.0
"""Seconds; git is asked after that, and has its own."""


@dataclass(frozen=True, slots=True)
class Said:
    """What git said of a remote, by its hash; `asks_password` is that the server answers nobody without one.

    From `since` to `until` this process may look, by the clock; not while `is_doubted`, from an answer here that was not
    the same until git has spoken again.
    """

    remote: Remote
    digest: bytes
    size: int
    digits: int
    since: float
    until: float
    is_doubted: bool = False
    asks_password: bool = False


class Looks:
    """Looks of this process at remotes by https, and by http on this host."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Knows of no remote yet; `clock` counts seconds."""
        self._clock = clock
        self._kept = Kept()
        self._said: dict[RepositoryId, Said] = {}

    def unchanged(self, remote: Remote, location: Location, seconds: float) -> bytes | None:
        """What git printed of the remote last, if that is what the remote says now; None where git is to be asked.

        :param seconds: how long a listing may take
        """
        said = self._said.get(remote.repository)
        if said is None or said.remote != remote or said.is_doubted:
            return None
        is_time = said.since <= self._clock() < said.until
        address = by_url_alone(location, os.environ) if is_time else None
        if address is None:
            return None
        # Doubted from here on, however this ends, until an answer was the same.
        doubted = self._said[remote.repository] = replace(said, is_doubted=True)
        output, with_password = self._output(said, address, min(seconds, _PATIENCE))
        if output is None or hashlib.sha256(output).digest() != said.digest:
            return None
        if self._said.get(remote.repository) is doubted:  # git may have spoken meanwhile
            self._said[remote.repository] = replace(said, asks_password=with_password)
        return output

    def note(self, remote: Remote, output: bytes) -> None:
        """Notes what git printed of a remote: at least one ref."""
        before, now = self._said.get(remote.repository), self._clock()
        digest = hashlib.sha256(output).digest()
        digits = output[:-1].rpartition(b"\n")[2].index(b"\t")
        said = Said(remote, digest, len(output), digits, now + _SETTLES, now + _LASTS)
        if before is not None and before.remote == remote:
            is_settled = before.digest == digest and not before.is_doubted
            since = before.since if is_settled else said.since
            said = replace(said, since=since, asks_password=before.asks_password)
        self._said[remote.repository] = said

    def _output(self, said: Said, address: Address, seconds: float) -> tuple[bytes | None, bool]:
        """The answer as git would print it, None where it is none; and whether it was given for a password."""
        try:
            answer, with_password = self._answer(said, address, time.monotonic() + seconds)
        except (Refused, OSError, ValueError, h11.ProtocolError):
            return None, False
        return (None if answer is None else ls_refs.as_listed(answer)), with_password

    def _answer(self, said: Said, address: Address, deadline: float) -> tuple[bytes | None, bool]:
        """Asks as git does: a password is told to who wants one."""
        given = login(said.remote)
        key = Key(address.host, address.port, address.authorities, given)
        # In the answer a ref takes less than twice what it takes in print.
        asked = Asked(address.authority, address.target, ls_refs.question(said.digits), 2 * said.size + 1024)
        if given is None:
            return self._kept.ask(key, asked, deadline), False
        if not said.asks_password and (answer := self._kept.ask(key, asked, deadline)) is not None:
            return answer, False
        return self._kept.ask(key, replace(asked, authorization=_basic(*given)), deadline), True


def _basic(username: str, password: str) -> str:
    if ":" in username or any(character < " " for character in username + password):
        raise Refused
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
