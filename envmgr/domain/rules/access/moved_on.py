"""Whether what somebody asked for still means what she saw when she asked."""

from collections.abc import Sequence

from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.asking.request import Request
from envmgr.domain.values.environment import Environment

from .held import is_another

OF_A_COMMIT = (
    Action.APPLY,
    Action.DESTROY,
    Action.ROLLBACK,
    Action.PROMOTE,
    Action.APPROVE,
    Action.REJECT,
)
"""What is meant for just the commit that the branch pointed at: all else is right for any."""


def moved_on(request: Request, records: Sequence[Environment], offered: str | None = None) -> str:
    """Why a request is not done any more, in a sentence; empty where it still is.

    `offered` is the commit of the other history that its repository shows, where that waits for a person.
    """
    if not records:
        return f"There is no {request.environment} any more: nothing was done."
    now = records[0]
    if request.action in OF_A_COMMIT and now.commit != request.commit:
        return (
            f"{now.label} is at {now.commit[:10]} now, no longer at {request.commit[:10]} as when this was asked for: "
            "nothing was done. Look again, and ask again."
        )
    guard = request.options.get("guard")
    if guard is not None and not any(e.hold.guard == guard for e in records):
        return f"{now.label} is no longer held back by {guard}: nothing was approved."
    if is_another(records, request.options.get("held") or {}, offered):
        return f"{now.label} is held back for another reason than when this was asked for: nothing was approved. Look again, and ask again."
    return ""
