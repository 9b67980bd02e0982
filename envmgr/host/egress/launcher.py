"""The process that forks the proxies of cages: it has all loaded that they need, so that one is there in milliseconds.

One for each envmgr, started when the first cage needs it, and ended with it; the proxies go on for as long as their
cages. What a proxy is told comes over a socket: a password of the host's own proxy is in no argument.
"""

import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envmgr.domain.rules.network.egress import Way
from envmgr.domain.rules.network.upstream import Upstream

from .inside import found_by, named, scout
from .proxy import Proxy, serve_until

LONGEST = 256 * 1024
"""Bytes of what a proxy is told: a list of names is not long."""


def main() -> None:
    """The process; its argument is the descriptor of the socket over which it is told what to fork."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a proxy
    gc.freeze()  # what is shared stays so
    while True:
        said, descriptors, *_ = socket.recv_fds(control, LONGEST, 2)
        if not said:
            return
        if os.fork() == 0:
            control.close()
            _become(json.loads(said), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(given: Mapping[str, Any], info: int, ready: int) -> None:
    """The proxy of the cage that `info` tells of, in a process of its own; `ready` lets the cage's command begin."""
    try:
        os.setsid()
        named("envmgr-proxy")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        scouting = scout(info, ready, int(given["port"]))
        os.close(info)
        os.close(ready)
        found = found_by(scouting)
        if found is not None:
            _serve(given, *found)
    finally:
        os._exit(0)


def _serve(given: Mapping[str, Any], listening: socket.socket, over: int) -> None:
    names = None if given["names"] is None else tuple(given["names"])
    upstream = None if given["upstream"] is None else Upstream(**given["upstream"])
    way = Way(names=names, networks=tuple(given["networks"]))
    asyncio.run(serve_until(over, Proxy(way, Path(given["record"]), upstream=upstream), listening))
