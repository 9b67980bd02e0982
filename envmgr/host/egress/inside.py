"""A socket that listens in the network of a cage, made from outside: no process of ours is in there."""

import ctypes
import fcntl
import json
import os
import socket
from collections.abc import Callable

_OWNER = 0xB701  # NS_GET_USERNS: the user namespace that a namespace belongs to
_USER, _NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
_FREEBIND = 15  # loopback may not be up yet
_BACKLOG = 512
_LONGEST = 4096
_SET_NAME = 15  # PR_SET_NAME
_LIBC = ctypes.CDLL(None)


def named(name: str) -> None:
    """Gives this process a name of its own, as `ps` and `top` show it."""
    _LIBC.prctl(_SET_NAME, name.encode(), 0, 0, 0)


def told_of(info: int) -> int | None:
    """The first process of the cage, as bubblewrap tells it; None where no cage came to be."""
    said = b""
    while not said.endswith(b"}\n") and len(said) < _LONGEST:
        part = os.read(info, _LONGEST)
        if not part:
            return None
        said += part
    number = json.loads(said)["child-pid"]
    return number if isinstance(number, int) else None


def scout(info: int, ready: int, port: int, closes: Callable[[], None]) -> socket.socket:
    """Has a child of ours wait for the cage that `info` tells of, and open a listening socket in there; gives where it tells of both.

    It is there before the cage is: nothing is forked while the cage's command waits. That may begin, by `ready`, as soon
    as the socket listens: who connects then waits for whoever accepts. `closes` is called in the child, for all that
    is not its own.
    """
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        closes()
        _scout(theirs, info, ready, port)
    theirs.close()
    return ours


def found_by(scouting: socket.socket) -> tuple[socket.socket, int] | None:
    """The listening socket, and a handle on the first process of the cage; None where there is no cage."""
    with scouting:
        _, descriptors, *_ = socket.recv_fds(scouting, 1, 2)
    if len(descriptors) != 2:
        return None
    listening, over = descriptors
    return socket.socket(fileno=listening), over


def _scout(told: socket.socket, info: int, ready: int, port: int) -> None:
    """In the child, which does not return.

    Whoever made a user namespace may do all in it, and so in the network that belongs to it. What goes there stays
    there, so it hands the socket out.
    """
    try:
        pid = told_of(info)
        if pid is None:
            os._exit(1)
        over = os.pidfd_open(pid)
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        owner = fcntl.ioctl(network, _OWNER)
        # The user namespace first: only who is in it may enter the network that belongs to it.
        for descriptor, kind in ((owner, _USER), (network, _NETWORK)):
            if _LIBC.setns(descriptor, kind) != 0:
                os._exit(1)
        listening = socket.socket()
        listening.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
        # Handed out first: once the command begins, somebody answers whatever becomes of this process.
        socket.send_fds(told, [b"0"], [listening.fileno(), over])
        os.write(ready, b"1")
        os._exit(0)
    finally:
        os._exit(1)
