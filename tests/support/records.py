"""Records of environments by the names of their columns: a test says what a record has, not in which of its parts.

What no record can say, such as who suspended one that is not suspended, is refused.
"""

from datetime import datetime
from typing import Any

from envmgr.adapters.store import records, rows
from envmgr.domain.values.environment import Environment, Life
from envmgr.domain.values.names import EnvironmentId


def recorded(
    *,
    id: EnvironmentId,  # noqa: A002  as in the record
    branch: str,
    commit: str,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Environment:
    """A record with these columns; the others say what those of a new one do."""
    fresh = Environment(
        id=id, branch=branch, commit=commit, life=Life(created_at=created_at), updated_at=updated_at
    )
    return altered(fresh, **columns)


def altered(before: Environment, **columns: Any) -> Environment:
    """A record with other values in these columns, or of another `id`; `suspended=""` ends a suspension as a whole."""
    if columns.get("suspended") == "":
        columns = {"suspended_by": None, "suspended_commit": None} | columns
    row = flat(before)
    identity = rows.identity_values(columns.pop("id", before.id))
    if unknown := columns.keys() - row.keys():
        raise TypeError(f"a record has no {', '.join(sorted(unknown))}")
    row |= identity | columns
    found = records.environment(tuple(row[column.name] for column in records.COLUMNS))  # type: ignore[arg-type]
    if flat(found) != row:
        raise ValueError(f"no record can say {columns}")
    return found


def flat(environment: Environment) -> rows.Values:
    """What a record says, by column."""
    return records.values(environment)
