"""The process that forks the proxies of cages: it has all loaded that they need, so that one is there in milliseconds.

One for each envmgr, started when the first cage needs it. Most of what runs in cages asks for nothing: a cage has a
socket that listens, and a proxy from the first connection on. Without envmgr this process goes on for as long as there
are cages that wait for theirs, and the proxies for as long as their cages. What a proxy is told comes over a socket: a
password of the host's own proxy is in no argument.
"""

import asyncio
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envmgr.domain.rules.network.egress import Way
from envmgr.domain.rules.network.upstream import Upstream

from .inside import found_by, named, scout
from .proxy import Proxy, serve_until

LONGEST = 256 * 1024
"""Bytes of what a proxy is told: a list of names is not long."""

_PAUSE_SECONDS = 0.1


def main() -> None:
    """The process; its argument is the descriptor of the socket over which it is told of cages."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a proxy
    named("envmgr-proxy")
    gc.freeze()  # what is shared stays so
    Launcher(control).run()


@dataclass(slots=True)
class _Cage:
    """One that has no proxy yet: `scouting` tells of its socket, then that is there, and `over`, which tells of its end."""

    given: Mapping[str, Any]
    scouting: socket.socket
    listening: socket.socket | None = None
    over: int = -1

    def close(self) -> None:
        """Forgets it."""
        self.scouting.close()
        if self.listening is not None:
            self.listening.close()
            os.close(self.over)


class Launcher:
    """Waits for orders, for the sockets of cages, and for the first who connects to each."""

    def __init__(self, control: socket.socket) -> None:
        """Orders come over `control`; its end is that of envmgr."""
        self._control = control
        self._cages: dict[int, _Cage] = {}
        """By the descriptors that are waited for."""
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._has_envmgr = True

    def run(self) -> None:
        """To the end of envmgr and of the last cage that waits."""
        while self._has_envmgr or self._cages:
            for descriptor, cage in [(each, self._cages.get(each)) for each, _ in self._poll.poll()]:
                if cage is None and self._has_envmgr:
                    self._ordered()
                elif cage is not None and self._cages.get(descriptor) is cage:  # not forgotten meanwhile
                    self._told(cage, descriptor)

    def _ordered(self) -> None:
        said, descriptors, *_ = socket.recv_fds(self._control, LONGEST, 2)
        if not said:
            self._left_alone()
            return
        info, ready = descriptors
        given = json.loads(said)
        try:
            scouting = scout(info, ready, int(given["port"]), self._close)
            self._wait(_Cage(given, scouting), scouting.fileno())
        except OSError:  # no process is to be had: this cage has no network, and others keep theirs
            time.sleep(_PAUSE_SECONDS)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _left_alone(self) -> None:
        """Envmgr waits for our end: what is left to do is another process's."""
        self._has_envmgr = False
        self._poll.unregister(self._control)
        self._control.close()
        with suppress(OSError):  # no process is to be had: envmgr waits a moment longer
            if self._cages and os.fork() != 0:
                os._exit(0)

    def _told(self, cage: _Cage, descriptor: int) -> None:
        if cage.listening is None:
            self._forget(cage)
            found = found_by(cage.scouting)
            if found is not None:
                cage.listening, cage.over = found
                self._wait(cage, cage.listening.fileno(), cage.over)
        elif descriptor == cage.over or self._has_led(cage, cage.listening):
            self._forget(cage)
            cage.close()

    def _has_led(self, cage: _Cage, listening: socket.socket) -> bool:
        """Whether the cage has a proxy from here on; where no process is to be had, who connected waits."""
        try:
            child = os.fork()
        except OSError:
            time.sleep(_PAUSE_SECONDS)
            return False
        if child == 0:
            self._forget(cage)
            self._close()
            _become(cage.given, listening, cage.over)
        return True

    def _wait(self, cage: _Cage, *descriptors: int) -> None:
        for descriptor in descriptors:
            self._cages[descriptor] = cage
            self._poll.register(descriptor, select.POLLIN)

    def _forget(self, cage: _Cage) -> None:
        for descriptor in [each for each, other in self._cages.items() if other is cage]:
            del self._cages[descriptor]
            self._poll.unregister(descriptor)

    def _close(self) -> None:
        """In a process that is forked: what is others' is not held."""
        if self._has_envmgr:
            self._control.close()
        for cage in {id(each): each for each in self._cages.values()}.values():
            cage.close()


def _become(given: Mapping[str, Any], listening: socket.socket, over: int) -> None:
    """The proxy of a cage, in a process of its own, which does not return."""
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _serve(given, listening, over)
    finally:
        os._exit(0)


def _serve(given: Mapping[str, Any], listening: socket.socket, over: int) -> None:
    names = None if given["names"] is None else tuple(given["names"])
    upstream = None if given["upstream"] is None else Upstream(**given["upstream"])
    way = Way(names=names, networks=tuple(given["networks"]))
    asyncio.run(serve_until(over, Proxy(way, Path(given["record"]), upstream=upstream), listening))
