"""How long a host may go unheard of: all of these times follow from one, the term of a lease.

Others take an environment over by time alone. So whatever a host began has ended before its lease does, and a lease has
ended soon enough after the last word of a dead host.
"""

from dataclasses import dataclass
from datetime import timedelta

TAKEN_OVER = timedelta(seconds=60)
"""So long after a host died others have taken up what it had begun."""
LOOKED_AFTER = timedelta(seconds=30)
"""So long after a host died another one looks at its remotes, and has its other duties."""
BEAT = timedelta(seconds=10)
"""Between two words of a daemon."""
LOOK = timedelta(seconds=5)
"""Between two looks for what nobody attends any more."""
CLOCKS = timedelta(seconds=30)
"""So far a host's clock may be from the database's for it to say what is over."""

_LATE = timedelta(seconds=4)
"""How late a process may come to its turn on a busy machine, and die of a SIGKILL."""
_PAUSE = timedelta(seconds=1)
_GRACE = timedelta(seconds=15)
_LATER = timedelta(seconds=3)
_RENEWALS = 6
_SILENT = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """The times of a lease, from its last renewal on, each as the request for that began.

    `renewal` is the time between two renewals. Without one a child is asked to end after `soft` by envmgr, and after
    `later` more by the process beside it, where envmgr did not; `hard` is when it is killed, as that process sees within
    `pause`. `lease` is when others may take over. `idle`, `silent` and `gone` count from the last word of a host: its
    duties are another's who hears of it at its own next word, it should have said something, and it can have no lease, nor
    anything that it began.
    """

    renewal: timedelta
    soft: timedelta
    later: timedelta
    hard: timedelta
    pause: timedelta
    lease: timedelta
    idle: timedelta
    silent: timedelta
    gone: timedelta


def terms(taken_over: timedelta) -> Terms:
    """The times by which the work of a dead host is taken up so long after its death; at least 45 seconds."""
    # It may have renewed and said that it is there right before; then others look, and take it at the next look.
    lease = taken_over - 2 * LOOK
    hard = lease - _PAUSE - _LATE
    soft = hard - _GRACE
    return Terms(
        renewal=soft / _RENEWALS,
        soft=soft,
        later=_LATER,
        hard=hard,
        pause=_PAUSE,
        lease=lease,
        # Two words are missed. One that was only late loses no more than its turn: a duty twice done at a time harms nothing.
        idle=LOOKED_AFTER - BEAT - _PAUSE,
        silent=min(_SILENT * BEAT, lease),
        gone=lease,
    )


TERMS = terms(TAKEN_OVER)
"""Those by which all hosts work."""
