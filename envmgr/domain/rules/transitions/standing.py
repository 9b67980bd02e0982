"""Where an environment stands, and what it says of that: the one place where both change, together with why it waits."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.values.environment import AT_WORK, Environment, Status, Waits


def stands(before: Environment, status: Status, message: str, waits: Waits | None = None) -> Environment:
    """It stands so, and says this; what it was waiting for, and that nothing moved, is over by that."""
    return replace(before, status=status, message=message, waits=waits, silent_since=None)


def says(before: Environment, message: str) -> Environment:
    """It says something else, and stands as it did."""
    return stands(before, before.status, message)


def silent(before: Environment, since: datetime | None) -> Environment:
    """Nothing moves any more where it is worked on; None: something does."""
    return replace(before, silent_since=since if before.status in AT_WORK else None)
