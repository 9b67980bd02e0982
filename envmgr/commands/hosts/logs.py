"""The log of a run, whichever host wrote it."""

from contextlib import suppress
from pathlib import Path

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Run, RunStatus
from envmgr.engine.context import logs


def readable(runtime: Runtime, run: Run) -> tuple[Path | None, str]:
    """Where a run's log can be read on this host now; None, and why as a sentence, where it cannot."""
    try:
        path = logs.readable(runtime.services, run)
    except EnvmgrError as error:
        return None, f"The log of run {run.id} cannot be read now: {error}"
    if path is None and run.status is RunStatus.RUNNING:
        return None, f"Run {run.id} has written nothing yet."
    return path, logs.missing(runtime.services, run) if path is None else ""


def followed(runtime: Runtime, run: Run) -> Path | None:
    """Where a run's log can be read for as long as `look` is asked again and again; None where it never has one."""
    look(runtime, run.id)
    return logs.place(runtime.services, run)


def look(runtime: Runtime, number: int) -> Run | None:
    """How a run stands, and what it wrote on another host fetched as far as that is due; None where it is forgotten."""
    found = runtime.services.store.run(number)
    if found is not None:
        with suppress(EnvmgrError):  # what is away now is fetched by a later look
            logs.readable(runtime.services, found)
    return found
