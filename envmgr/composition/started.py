"""Settings that a process works by from its start to its end, whatever a reload finds in the file."""

from dataclasses import replace

import structlog

from envmgr.config.settings import Settings

log = structlog.get_logger()

FIXED = ("database", "queue", "log_level")
"""What takes a restart: where the records are, who hands out the work, and what is logged."""


def in_force(before: Settings | None, found: Settings) -> Settings:
    """The settings by which a process goes on, where the file has others since; those that have to wait are said."""
    if before is None:
        return found
    changed = [name for name in FIXED if getattr(found, name) != getattr(before, name)]
    if changed:
        names = " and ".join(f"daemon.{name}" for name in changed)
        log.warning(
            f"{names} changed in the settings: that takes a restart, as by `systemctl restart envmgr`; until then this "
            "process goes on as before.",
            action="needs-restart",
        )
    return replace(found, **{name: getattr(before, name) for name in FIXED})
