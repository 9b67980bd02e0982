"""Which tag an environment comes from: the newest, and never back by itself.

A tag that leads elsewhere than it was noted is an attack or an accident, and one that is gone may have been taken back: both
wait for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from envmgr.domain.rules.versions import Version, version
from envmgr.domain.values.environment.tagged import Offered
from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.domain.values.origins.named import Named

_versions = lru_cache(maxsize=20_000)(version)  # the same names come with each look
_EVER = datetime.min.replace(tzinfo=UTC)

Age = tuple[bool, Version | datetime, str]


@dataclass(frozen=True, slots=True)
class Noted:
    """A tag as it was noted: its name, and where it led to."""

    name: str
    tag: GitTag


@dataclass(frozen=True, slots=True)
class Choice:
    """The tag that counts: as it is noted already, or a newer one. `offered` waits for a person; `is_gone`: it is not there."""

    noted: Noted
    offered: Offered | None = None
    is_gone: bool = False


class Releases:
    """The tags of one listing, each pattern looked through once, for however many environments."""

    def __init__(self, tags: Mapping[str, GitTag]) -> None:
        self._tags = tags
        self._newest: dict[tuple[str | None, bool], str | None] = {}

    def choose(self, named: Named, noted: Noted | None) -> Choice | None:
        """The tag for an environment that had the noted one; None where there is none, and was none."""
        newest = self.newest(named)
        if noted is None or not named.is_tag(noted.name):
            return Choice(Noted(newest, self._tags[newest])) if newest is not None else None
        if newest is not None and self._age(newest, self._tags[newest]) > self._age(noted.name, noted.tag):
            return Choice(Noted(newest, self._tags[newest]))
        return self._stays(noted, newest)

    def newest(self, named: Named) -> str | None:
        """The newest of the tags that an environment follows."""
        key = (named.tags, named.prereleases)
        if key not in self._newest:
            self._newest[key] = self._find(named)
        return self._newest[key]

    def undated(self, named: Named) -> Mapping[str, GitTag]:
        """The tags of an environment that are told apart by when they were made, which nobody asked yet."""
        found = {name: tag for name, tag in self._tags.items() if named.is_tag(name)}
        if any(_versions(name) is not None for name in found):
            return {}
        return {name: tag for name, tag in found.items() if tag.at is None}

    def _find(self, named: Named) -> str | None:
        found = [name for name in self._tags if named.is_tag(name)]
        versions = [name for name in found if _versions(name) is not None]
        if not versions:
            return max(found, key=lambda name: self._age(name, self._tags[name]), default=None)
        counted = [name for name in versions if named.prereleases or _is_final(name)]
        return max(counted, key=lambda name: self._age(name, self._tags[name]), default=None)

    def _stays(self, noted: Noted, newest: str | None) -> Choice:
        """The noted one is the newest that was ever seen: it stays, however it is with it now."""
        there = self._tags.get(noted.name)
        if there is None:
            offered = Offered(newest, self._tags[newest].commit) if newest is not None else None
            return Choice(noted, offered, is_gone=True)
        if there.commit != noted.tag.commit:
            return Choice(noted, Offered(noted.name, there.commit))
        return Choice(Noted(noted.name, there))

    @staticmethod
    def _age(name: str, tag: GitTag) -> Age:
        """What orders tags: any version is newer than what is none."""
        found = _versions(name)
        return (True, found, name) if found is not None else (False, tag.at or _EVER, name)


def _is_final(name: str) -> bool:
    found = _versions(name)
    return found is not None and found.is_final
