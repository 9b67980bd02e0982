"""The newest version that everybody who has a say allows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.versions import newest, version

from .constraints import Constraint


@dataclass(frozen=True, slots=True)
class Wish:
    """A constraint, and where it stands: `main.tf (required_version)`. Versions from `until` on do not look there."""

    where: str
    constraint: Constraint
    until: str = ""

    def allows(self, name: str) -> bool:
        """Whether it allows a version."""
        found, until = version(name), version(self.until)
        return self.constraint.allows(name) or (found is not None and until is not None and found >= until)

    def __str__(self) -> str:
        """As a sentence has it."""
        return f"{self.where} wants {self.constraint.text}"


def allowed(name: str, wishes: Sequence[Wish]) -> bool:
    """Whether all allow a version."""
    return all(wish.allows(name) for wish in wishes)


def choose(tool: str, offered: Collection[str], wishes: Sequence[Wish]) -> str:
    """The newest of the offered versions that all allow; raises NeedsPerson where there is none."""
    found = newest((name for name in offered if allowed(name, wishes)), prereleases=True)
    if found is not None:
        return found
    said = " and ".join(map(str, wishes)) or "nobody wants any in particular"
    among = f", among the {len(offered)} that can be had" if offered else ": none can be had"
    raise NeedsPerson(f"There is no version of {tool} that is allowed: {said}{among}.")
