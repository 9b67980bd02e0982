"""Why a lost record cannot be brought back, as what it is and not as the sentence that says it."""

from enum import StrEnum

from envmgr.domain.errors import NeedsPerson


class Obstacle(StrEnum):
    """What keeps a lost record from being brought back."""

    NOTHING_KEPT = "nothing-kept"
    NOT_CONFIGURED = "not-configured"
    OTHER_BRANCH = "other-branch"
    OTHER_RECORD = "other-record"
    CODE_LOST = "code-lost"
    UNSOUND = "unsound"
    SET_BY_HAND = "set-by-hand"


class NotRestorable(NeedsPerson):
    """A lost record cannot be brought back before a person has changed something; `obstacle` says what it is."""

    def __init__(self, message: str, obstacle: Obstacle) -> None:
        super().__init__(message)
        self.obstacle = obstacle


def not_configured() -> NotRestorable:
    """Nobody knows any more where its repository is."""
    return NotRestorable("its repository is not in the configuration", Obstacle.NOT_CONFIGURED)


def other_branch(branch: str) -> NotRestorable:
    """What is kept is of a branch (as it is shown) that gives no such environment today."""
    return NotRestorable(
        f"by the present `branches`, its branch {branch} does not get this environment", Obstacle.OTHER_BRANCH
    )
