"""Run inside a cage, before what it is there for: opens the way to the proxy, then becomes the command.

A file of its own, started by its path, that imports next to nothing: nothing of envmgr is there.
Arguments: the descriptor of the socket pair to the proxy, the port, the command.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import os
import sys


def main() -> None:
    """Listens where the command looks for a proxy, and hands that socket to the one outside, who answers there.

    So no process of ours stays inside: signals and the exit code are the command's own.
    """
    descriptor, port, *argv = sys.argv[1:]
    listening = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", int(port)))
    listening.listen(512)
    number = listening.fileno().to_bytes(4, sys.byteorder)
    control = _socket.socket(fileno=int(descriptor))
    control.sendmsg([b"0"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, number)])
    control.detach()  # stays open: its end tells that the command, and all it started, has ended
    for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(ignored, _signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    os.execvp(argv[0], argv)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
