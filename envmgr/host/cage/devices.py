"""The device nodes of a cage of root's, which are the host's own.

Whoever owns a node may change who may open it, and root's number inside a cage is root's outside. So bubblewrap begins
where the nodes are mounted upon themselves, read-only: they can be read and written as ever, and not be changed.
"""

import os
import subprocess
from collections.abc import Callable
from functools import lru_cache

NODES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
"""Those that bubblewrap shows."""
_SECONDS = 10
MOUNTS = "".join(f"{node} {node} none bind,ro\n" for node in NODES)
"""As a table of mounts: one program does all of them."""
_IN_FRONT = ("unshare", "--mount", "sh", "-c", 'mount -a -T "$1" || exit 125; shift; exec "$@"', "envmgr")


def shielded(hold: Callable[[str], str]) -> tuple[str, ...]:
    """What stands in front of bubblewrap; nothing where we are not root, or may not mount either.

    `hold` keeps a text in a file that the child inherits, and gives its descriptor.
    """
    if os.geteuid() != 0 or not can_shield():
        return ()
    return (*_IN_FRONT, f"/proc/self/fd/{hold(MOUNTS)}")


@lru_cache(maxsize=1)
def can_shield() -> bool:
    """Whether this host lets us mount them so: root in a container may not."""
    table = os.memfd_create("mounts")
    try:
        os.write(table, MOUNTS.encode())
        os.lseek(table, 0, os.SEEK_SET)
        done = subprocess.run(
            [*_IN_FRONT, f"/proc/self/fd/{table}", "cat", "/proc/self/mounts"],
            capture_output=True,
            pass_fds=(table,),
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        os.close(table)
    options = {words[1]: words[3].split(",") for words in map(str.split, done.stdout.splitlines())}
    return all("ro" in options.get(node, ()) for node in NODES)
