"""What a verb has done with environments, for people or as JSON."""

from collections.abc import Callable, Sequence

from envmgr.domain.values.environment import Environment
from envmgr.views import documents

from .screen import emit, emit_json_of


def emit_done(done: Sequence[Environment], as_json: bool, told: Callable[[Environment], str]) -> None:
    """The environments as they are now: as JSON, or a line for each, as `told` words it."""
    if as_json:
        emit_json_of([documents.environment(each) for each in done])
        return
    for each in done:
        emit(told(each))
