"""Writing what is on no other record yet: what the database does not take at once is written again for a while."""

import time
from collections.abc import Callable

import structlog

from envmgr.domain.errors import EnvmgrError, LeaseLost, NeedsPerson

log = structlog.get_logger()

AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds after which it is written again; as long as a database takes to be restarted."""


def insist(write: Callable[[], object], may_go_on: Callable[[], bool], run: int) -> None:
    """Writes what a run came to, again where that fails; raises what the last try raised.

    So it does at once where trying again would not help, or nobody `may_go_on`, as another has the lease by then.
    """
    for pause in AGAIN:
        try:
            write()
        except (LeaseLost, NeedsPerson):
            raise
        except EnvmgrError as error:
            if not may_go_on():
                raise
            log.warning(str(error), action="written-again", run=run)
            time.sleep(pause)
        else:
            return
    write()
