"""Making room part by part: what one of them meets keeps none of the others from it."""

from collections.abc import Callable, Iterable

import structlog

from envmgr.domain.errors import EnvmgrError
from envmgr.host.system import sentences

log = structlog.get_logger()


def each_part(parts: Iterable[Callable[[], object]], is_ending: Callable[[], bool] = lambda: False) -> None:
    """Does all of them, up to where it `is_ending`; what could not be done is told in the log."""
    for part in parts:
        if is_ending():
            return
        try:
            with sentences():
                part()
        except EnvmgrError as error:
            log.warning(str(error), action="not-tidied")
