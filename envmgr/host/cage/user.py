"""By which name the user in a run's cage is known.

Terraform writes the name of its user into the lock of a state, and reads it in the cage's own `/etc/passwd`. So a lock
says whose it is from the first moment: the run is on record, and with it this name, before anything of it is started.
"""

import os
from pathlib import Path


def user_of(log: Path) -> str:
    """The name in the cage of the run with this log; empty for what is no run's.

    The same on each host: it is made of what all hosts of one database call the run.
    """
    if str(log) == os.devnull:
        return ""
    return f"envmgr-{log.parent.parent.name}-{log.stem}"
