"""Learning the ID of the state lock that our own Terraform holds, while it holds it.

Terraform does not print it. A lock that is found later is ours only if its ID was recorded here.
"""

import os
import pwd
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from types import TracebackType

from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import EnvmgrError
from envmgr.host.cage.user import user_of

# Short at first: a Terraform that is killed right after it took the lock leaves no other trace of its ID.
_PAUSES = (0.2, 0.5, 1.0, 2.0)
_PAUSE = 4.0  # from then on: `init` may take minutes before a lock is taken


class LockRecorder:
    """Looks for the lock in the background, with growing pauses, until it is seen once.

    Only a lock that is the run's by its name (in a cage, `user_of(log)`), or made by this user on this host since our
    newest child `began`, is taken for ours: a lock made while `init` ran before it is another's. A Terraform that
    finds the state locked fails, and whoever runs it then forgets what was recorded.
    """

    def __init__(
        self,
        look: Callable[[], LockInfo | None],
        found: Callable[[str], None],
        began: Callable[[], datetime],
        log: Path,
    ) -> None:
        self._look = look
        self._log = log
        self._found = found
        self._began = began
        self._done = threading.Event()
        # A daemon thread: a store that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._watch, name="lock-recorder", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        for pause in chain(_PAUSES, repeat(_PAUSE)):
            if self._done.wait(pause):
                return
            try:
                lock = self._look()
                # Once the block is over, the lock may be the next holder's.
                if lock is not None and self._is_ours(lock) and not self._done.is_set():
                    self._found(lock.id)
                    return
            except EnvmgrError:
                continue  # neither seen nor recorded, so never broken by itself; the next look may do

    def _is_ours(self, lock: LockInfo) -> bool:
        made_since = lock.created is not None and lock.created >= self._began()
        is_named = is_of(lock, self._log)
        return bool(lock.id) and made_since and (is_named or lock.who == our_name())


def is_of(lock: LockInfo, log: Path) -> bool:
    """Whether a lock was taken in the cage of the run with this log, by the name that it carries."""
    name = user_of(log)
    return bool(name) and lock.who.rpartition("@")[0] == name


def our_name() -> str:
    """How Terraform names our user and host in a lock: a user that the system does not know, as in a container, has no name."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = ""
    return f"{user}@{socket.gethostname()}"
