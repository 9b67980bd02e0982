"""How much of the processor a child gets beside others."""

import os
from contextlib import suppress


def lower(pid: int, niceness: int) -> None:
    """Makes a process yield to others, by the system's own measure; one that has ended by now needs nothing."""
    if niceness:
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)
