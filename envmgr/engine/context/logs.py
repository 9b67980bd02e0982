"""Logs where every host can read them: beside the states.

Only where several hosts may share the records, and the states are not in this host's own data folder. A run never
fails because of its log: what could not be put there is put there later, and until then is on the host that wrote it.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import time

from envmgr.domain.values.environment import Run, RunStatus
from envmgr.host.system import sentences, write_private
from envmgr.ports import StateStore

from .log_keeper import LEFT, WHOLE, Written, names, pieces
from .organization import Organization
from .services import Services

FRESH = timedelta(seconds=3)
"""For how long a copy of a log that is being written elsewhere is new enough."""
_KEPT_COPIES = timedelta(days=1)
_COPYING = threading.Lock()


def begin(services: Services, run: Run) -> None:
    """From now on what a run writes is put beside the states, where others may have to read it."""
    if are_shared(services, run):
        services.logs.begin(_written(services, run))


def put_away(services: Services, run: Run) -> None:
    """Puts the whole log of a run there that another process of this host left, if it is on this host."""
    if run.log and services.layout.log_of(run).is_file() and are_shared(services, run):
        _written(services, run).put_whole()


def are_shared(services: Services, run: Run) -> bool:
    """Whether a run's log is to be where other hosts can read it, too."""
    organization = services.organizations.get(run.environment.organization)
    return organization is not None and is_needed(services, organization)


def is_needed(services: Services, organization: Organization) -> bool:
    """Whether others may have to read logs of an organization, and its states are where they can."""
    return services.fleet.is_shared and not services.layout.holds(organization.backend)


def catch_up(services: Services) -> None:
    """Makes up for logs that could not be put there before."""
    for mark in services.layout.own_logs.glob(f"*/*.log{LEFT}"):
        number = mark.name.partition(".")[0]
        run = services.store.run(int(number)) if number.isdigit() else None
        if run is not None and run.status is not RunStatus.RUNNING:
            put_away(services, run)


def prune_copies(services: Services) -> None:
    """Deletes old copies on this host."""
    old = time() - _KEPT_COPIES.total_seconds()
    for copy in services.layout.log_copies.glob("*.log*"):
        if copy.stat().st_mtime < old:
            copy.unlink(missing_ok=True)


def prune(services: Services, organization: Organization) -> None:
    """Deletes what is beside an organization's states of runs that the database does not know any more."""
    if not is_needed(services, organization) or organization.is_new():  # then there may be no place yet
        return
    state, known = organization.state(), dict[int, bool]()
    for key in names(state, prefix := _prefix(services, organization.name)):
        number, _, _ = key.partition("/")
        run = int(number) if number.isdigit() else 0
        if run not in known:
            known[run] = services.store.run(run) is not None
        if not known[run]:
            state.delete(prefix + key)


def place(services: Services, run: Run) -> Path | None:
    """Where `readable` finds a log, once it does; None where there never is one."""
    if _is_elsewhere(services, run):
        return _copy(services, run)
    return services.layout.log_of(run) if run.log else None


def _is_elsewhere(services: Services, run: Run) -> bool:
    """Whether a log is to be had beside the states alone: this host has none of it, and is not about to write it."""
    is_written_here = run.status is RunStatus.RUNNING and run.owner.machine == services.owner.machine
    is_here = is_written_here or services.layout.log_of(run).is_file()
    return bool(run.log) and not is_here and are_shared(services, run)


def missing(services: Services, run: Run) -> str:
    """Why a run that has ended has no log that can be read, as a sentence."""
    if not run.log or run.owner.machine in ("", services.owner.machine) or are_shared(services, run):
        return f"Run {run.id} left no log: nothing was started, or the log was pruned."
    return (
        f"The log of run {run.id} is on {run.owner.host}, where it was written, if that host still has it: the states of "
        f"{run.environment.organization} are in a folder of one host, where no other can read it."
    )


def readable(services: Services, run: Run) -> Path | None:
    """Where the log of a run can be read on this host, as far as it is written; None where it has none, or none any more.

    That is the file itself, or a copy of what is beside the states, to which is added what came since: a copy is at
    most `FRESH` old. Raises what the state store raises where only that has the log.
    """
    if _is_elsewhere(services, run):
        with _COPYING:
            return _copied(services, run)
    path = services.layout.log_of(run)
    return path if run.log and path.is_file() else None


def _copied(services: Services, run: Run) -> Path | None:
    copy = _copy(services, run)
    services.layout.private(copy.parent)
    is_whole = copy.with_name(f"{copy.name}.{WHOLE}")
    is_here = copy.is_file()
    if is_here and (is_whole.exists() or time() - copy.stat().st_mtime < FRESH.total_seconds()):
        return copy
    state, below = services.organizations[run.environment.organization].state(), _place(services, run)
    found = names(state, below)
    if not found:
        return copy if is_here else None
    with sentences("A copy of a log cannot be written", copy):
        write_private(copy, _content(state, below, found, copy.read_bytes() if is_here else b""))
        if WHOLE in found:
            write_private(is_whole, "")
    return copy


def _copy(services: Services, run: Run) -> Path:
    return services.layout.log_copies / f"{run.id}.log"


def _content(state: StateStore, place: str, found: Sequence[str], before: bytes) -> bytes:
    """The log as far as it is there, where `before` is what is known of it."""
    if WHOLE in found:
        return state.get(place + WHOLE) or before
    content = before
    for name in pieces(found):
        # A gap is not papered over with what comes after it.
        if int(name) == len(content):
            content += state.get(place + name) or b""
    return content


def _written(services: Services, run: Run) -> Written:
    open_state = services.organizations[run.environment.organization].state
    return Written(run.id, services.layout.log_of(run), open_state, _place(services, run))


def _place(services: Services, run: Run) -> str:
    return f"{_prefix(services, run.environment.organization)}{run.id}/"


def _prefix(services: Services, organization: str) -> str:
    return f"{organization}/envmgr-logs/{services.layout.records}/"
