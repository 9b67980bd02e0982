"""Whose an organization is: the one set of records by which its environments are looked after."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from envmgr.domain.errors import NeedsPerson


class NotOurs(NeedsPerson):
    """An organization is, or may be, looked after by other records than ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Which records somebody works by: their database, and the data folder with the host it is on.

    The database counts: several hosts may share one. `copied_from` is the database that it was made from.
    """

    database: str
    host: str
    folder: str
    copied_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The mark beside an organization's states: who works on it, by which records, since when."""

    installation: Installation
    who: str
    since: datetime

    def is_same(self, other: Installation) -> bool:
        """Whether somebody goes on with what the owner did: by its database or a copy of that, or in its place.

        The same folder on the same host can be there only once: what it held before is lost.
        """
        mine = self.installation
        in_place = (mine.host, mine.folder) == (other.host, other.folder)
        return in_place or mine.database in (other.database, other.copied_from)

    def refusal(self, organization: str) -> str:
        """The sentence for somebody else."""
        return (
            f"{organization} belongs to the data folder {self.installation.folder} on {self.installation.host} ({self.who}, since "
            f"{self.since:%Y-%m-%d %H:%M} UTC), and this one does not know what was set there, so nothing is done. Work there; or, if it is gone for good, take the organization over with `envmgr reconcile --take-over`."
        )

    def to_json(self) -> str:
        """As a versioned document."""
        installation = asdict(replace(self.installation, copied_from=None))
        return json.dumps(
            {"version": 1, **installation, "who": self.who, "since": self.since.isoformat()}, indent=2
        )

    @classmethod
    def from_json(cls, text: bytes, place: str) -> "Owner":
        """Reads what stands at a place; NotOurs where it is no such mark."""
        try:
            found = json.loads(text)
            names = ("database", "host", "folder", "who", "since")
            database, host, folder, who, since = (_printable(found[name]) for name in names)
            installation = Installation(database=database, host=host, folder=folder)
            return cls(
                installation=installation, who=who, since=datetime.fromisoformat(since).astimezone(UTC)
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotOurs(
                f"{place} does not say whose the organization is, so nothing is done: find out what wrote it, then delete it or "
                "`envmgr reconcile --take-over`."
            ) from error


def _printable(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError
    return value
