"""What a listing is worth as evidence that a branch is gone: no more than its repository's history shows.

A repository made anew at its address, an address that leads elsewhere, a default branch with another past: each gives
complete listings without our branches. So the commit that the default branch had is remembered, and an absence
counts only where the default branch's history still holds it. All else waits for a person.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

from envmgr.domain.values.digest import digest

_USER = re.compile(r"(?<=://)[^/@]*@")


class Evidence(Enum):
    """What a listing proves of the branches that it does not show."""

    SOUND = auto()
    """They are gone."""
    RETURNED = auto()
    """They are gone; and the history is the known one again, so nothing waits for a person any more."""
    UNSURE = auto()
    """Nothing."""
    OTHER = auto()
    """Nothing, before a person accepts the history that it shows."""
    NEW_OTHER = auto()
    """The same, and it is not the history that a person was asked about: what was approved is void."""

    @property
    def counts(self) -> bool:
        """Whether an absence counts."""
        return self in (Evidence.SOUND, Evidence.RETURNED)

    @property
    def waits(self) -> bool:
        """Whether an absence waits for a person."""
        return self in (Evidence.OTHER, Evidence.NEW_OTHER)


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a repository's history, and kept.

    `commit` is one that its default branch had, `address` where that was (see `address_of`), `offered` the default
    branch's commit in another history, which a person was asked about. None: not known, or nobody was asked.
    """

    commit: str | None = None
    address: str | None = None
    offered: str | None = None

    def accepted(self) -> "History":
        """After a person accepted the history that was shown, wherever it is."""
        return History(self.offered)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a listing shows: the default branch's commit, where; and whether any environment's branch is missing.

    `applied` says whether anything was applied from the repository by now.
    """

    commit: str
    address: str
    misses: bool
    applied: bool = False

    def moved(self, history: History) -> bool:
        """Whether it was looked for elsewhere than before."""
        return history.address not in (None, self.address)

    def is_doubtful(self, history: History) -> bool:
        """Whether it takes a look into the default branch's history to tell what it is worth."""
        is_first = history.commit is None and self.applied
        return self.moved(history) or (self.commit != history.commit and (self.misses or is_first))


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether the default branch's history holds the commit that was known, and the one that was offered."""

    known: bool
    offered: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a listing is worth, and what is known from now on; `is_foreign`: nothing that it shows is to be taken."""

    evidence: Evidence
    history: History
    is_foreign: bool = False


def judge(history: History, sight: Sight, holds: Holds | None) -> Judgement:
    """What a listing is worth. `holds` is None where it could not be told, or was not to be asked."""
    if not sight.is_doubtful(history):
        return _plain(history, sight)
    if holds is None:
        return Judgement(Evidence.UNSURE, history, is_foreign=sight.moved(history))
    # A fork has all of the known history, and not its branches: at another address no absence counts.
    if holds.known and not (sight.moved(history) and sight.misses):
        return _known(history, sight)
    stands = history.offered is not None and holds.offered
    other = history if stands else replace(history, offered=sight.commit)
    is_foreign = sight.moved(history) and not holds.known
    return Judgement(Evidence.OTHER if stands else Evidence.NEW_OTHER, other, is_foreign)


def _plain(history: History, sight: Sight) -> Judgement:
    """Nothing is missing, or it is the very commit that was known."""
    if sight.commit == history.commit:
        return _known(history, sight)
    return Judgement(Evidence.UNSURE, History(history.commit or sight.commit, sight.address))


def _known(history: History, sight: Sight) -> Judgement:
    is_back = history.offered is not None and history.commit is not None
    evidence = Evidence.RETURNED if is_back else Evidence.SOUND
    return Judgement(evidence, History(sight.commit, sight.address))


def address_of(url: str) -> str:
    """A short value that stands for a remote's address, without the user and password that may be in it."""
    return digest(_USER.sub("", url))
