"""How much each kind of event matters, so that an operator can alert on the journal's priorities."""

from typing import Literal

Level = Literal["info", "warning", "error"]

_ERRORS = frozenset(
    {"failed", "unhealthy", "remote-failed", "not-rebuilt", "tests-failed", "registry-failed"}
)
"""Something is not as it should be, and stays so until a later attempt succeeds or a person helps."""

_WARNINGS = frozenset(
    {
        "audit-finding",
        "by-hand-not-kept",
        "check-warned",
        "cancelled",
        "default-branch",
        "degraded",
        "drift",
        "drift-unknown",
        "freeze-not-kept",
        "freeze-overridden",
        "frozen",
        "interrupted",
        "not-sealed",
        "state-put-away",
        "state-taken-by-hand",
        "not-told",
        "notifications-dropped",
        "on-destroy-skipped",
        "other-history",
        "refused",
        "resources-gone",
        "silent",
        "stalled",
        "tag-waits",
        "token-ends-soon",
        "waiting",
        "went-back",
        "window-overridden",
    }
)
"""It goes on by itself or waits for a person on purpose, but somebody should know."""


def level_of(action: str) -> Level:
    """The level at which an event is logged."""
    if action in _ERRORS:
        return "error"
    return "warning" if action in _WARNINGS else "info"
