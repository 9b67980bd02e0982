"""Names of state objects and of their archived copies; the same in every backend."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

ARCHIVE = "archive/"
STATE_SUFFIX = ".tfstate"
_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_ARCHIVED = re.compile(r"archive/.+\.tfstate\.(\d{8}T\d{6}\.\d{6}Z)")


def archive_key(key: str, now: datetime) -> str:
    """Where the last copy of a state is kept: `archive/acme/shop/alice/terraform.tfstate.20260102T030405.000000Z`."""
    return f"{ARCHIVE}{key}.{now.astimezone(UTC).strftime(_FORMAT)}"


def archived_at(key: str) -> datetime | None:
    """When an archived copy was made, by its name; None for anything that is not one."""
    found = _ARCHIVED.fullmatch(key)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def archived(keys: Iterable[str]) -> list[tuple[str, datetime]]:
    """Those of some keys that are archived copies, with the time each was made."""
    return [(key, at) for key in keys if (at := archived_at(key))]


def is_state(key: str) -> bool:
    """Whether a key is a state's; an archived copy ends in its time, so an organization may be called `archive`."""
    return key.endswith(STATE_SUFFIX)
