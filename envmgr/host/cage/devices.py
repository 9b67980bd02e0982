"""The device nodes of a cage of root's, which are the host's own.

Whoever owns a node may change who may open it, and root's number inside a cage is root's outside. So bubblewrap begins
where the nodes are mounted upon themselves, read-only: they can be read and written as ever, and not be changed.
"""

import os
import subprocess
from functools import lru_cache

NODES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
"""Those that bubblewrap shows."""
_SECONDS = 10
_OWN_MOUNTS = ("unshare", "--mount", "sh", "-c")
_SCRIPT = 'while [ "$1" != -- ]; do mount --bind -o ro "$1" "$1" || exit 125; shift; done; shift; exec "$@"'


def shielded() -> tuple[str, ...]:
    """What stands in front of bubblewrap; nothing where we are not root, or may not mount either."""
    return (*_OWN_MOUNTS, _SCRIPT, "envmgr", *NODES, "--") if os.geteuid() == 0 and can_shield() else ()


@lru_cache(maxsize=1)
def can_shield() -> bool:
    """Whether this host lets us mount: root in a container may not."""
    try:
        done = subprocess.run(
            [*_OWN_MOUNTS, _SCRIPT, "envmgr", *NODES, "--", "true"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
