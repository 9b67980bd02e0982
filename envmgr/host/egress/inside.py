"""A socket that listens in the network of a cage, made from outside: no process of ours is in there."""

import ctypes
import fcntl
import json
import os
import socket

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


def listening_in(pid: int, port: int) -> socket.socket:
    """Listens on 127.0.0.1 where a process has its network; raises OSError where we may not go there.

    Whoever made a user namespace may do all in it, and so in the network that belongs to it. What goes there stays
    there: so a child of ours goes, and hands the socket out.
    """
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    owner = fcntl.ioctl(network, _OWNER)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _hand_out(theirs, ((owner, _USER), (network, _NETWORK)), port)
        theirs.close()
        try:
            _, descriptors, *_ = socket.recv_fds(ours, 1, 1)
        finally:
            os.waitpid(child, 0)
            os.close(owner)
            os.close(network)
    if not descriptors:
        raise OSError("the network of the cage cannot be entered")
    return socket.socket(fileno=descriptors[0])


def _hand_out(control: socket.socket, namespaces: tuple[tuple[int, int], ...], port: int) -> None:
    """In the child, which does not return."""
    try:
        for descriptor, kind in namespaces:
            if _LIBC.setns(descriptor, kind) != 0:
                os._exit(1)
        listening = socket.socket()
        listening.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
        socket.send_fds(control, [b"0"], [listening.fileno()])
        os._exit(0)
    finally:
        os._exit(1)
