"""The status of a commit as GitHub has it, and with it the forges that took its API over."""

from envmgr.domain.values.forge import CommitStatus, ReportState

from .answer import Answer
from .shortened import shortened

LONGEST_CONTEXT = 255
# Only those that Forgejo knows as well.
_STATES = {
    ReportState.PENDING: "pending",
    ReportState.RUNNING: "pending",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failure",
    ReportState.INACTIVE: "success",
}


def is_pending(answer: Answer, context: str, state: str) -> bool:
    """Whether the newest status of a commit in a context waits; `state` is what the forge calls that of each."""
    found = answer.as_object().listed("statuses")
    mine = (each for each in found if each.text("context").lower() == context[:LONGEST_CONTEXT].lower())
    return any(each.text(state) == _STATES[ReportState.PENDING] for each in mine)


def status_body(status: CommitStatus, longest: int) -> dict[str, str]:
    """What is sent; its sentence has so many characters at most."""
    body = {
        "state": _STATES[status.state],
        "context": status.context[:LONGEST_CONTEXT],
        "description": shortened(status.sentence, longest),
    }
    return {**body, "target_url": status.url} if status.url else body
