"""Writing what is on no other record yet: what the database does not take at once is written again, and kept until it is."""

import time
from collections.abc import Callable

import structlog

from envmgr.domain.errors import EnvmgrError, Interrupted, LeaseLost, NeedsPerson
from envmgr.engine.context.late_ends import LateEnd, LateEnds

log = structlog.get_logger()

AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds after which it is written again: together as long as a lease lasts that nobody renews any more."""


class Unwritten(Interrupted):
    """What was done could not be written yet, and is kept: nothing else is to be said of it."""


def insist(end: LateEnd, kept: LateEnds) -> None:
    """Writes what a run came to, again where that fails; raises Unwritten where it is kept for later.

    So it does at once, but with what was raised, where trying again would not help, as another has the lease by then.
    """
    try:
        write_again(end.write, end.run)
    except (LeaseLost, NeedsPerson):
        raise
    except EnvmgrError as error:
        kept.keep(end)
        raise Unwritten(
            f"What run {end.run} came to is written down as soon as the database takes it: {error}"
        ) from error


def write_again(write: Callable[[], object], run: int) -> None:
    """Writes what a run has done so far, again where that fails for a while; raises what the last try raised."""
    for pause in AGAIN:
        try:
            write()
        except (LeaseLost, NeedsPerson):
            raise
        except EnvmgrError as error:
            log.warning(str(error), action="written-again", run=run)
            time.sleep(pause)
        else:
            return
    write()


def write_or_keep(end: LateEnd, kept: LateEnds) -> None:
    """Writes an end that settles nothing; what the database does not take at once is kept. LeaseLost is raised."""
    try:
        end.write()
    except LeaseLost:
        raise
    except EnvmgrError as error:
        log.warning(str(error), action="run-not-ended", run=end.run)
        kept.keep(end)
