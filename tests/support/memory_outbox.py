"""The port `Outbox` in this process's memory; see `envmgr.ports.outbox`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import RLock

from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.forge.telling import Target, Telling, Untold
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.outbox import Revision


@dataclass
class MemoryOutbox:
    """Rows by target."""

    kept: dict[Target, Telling] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def of(self, repository: RepositoryId) -> Sequence[Telling]:
        """The rows of a repository."""
        with self.lock:
            return [self.kept[target] for target in sorted(self.kept) if target.repository == repository]

    def revise(self, repository: RepositoryId, revision: Revision) -> bool:
        """Writes what is to be said."""
        with self.lock:
            put, forget = revision(self.of(repository))
            put, forget = list(put), list(forget)
            for each in put:
                before = self.kept.get(each.target)
                anew = each if before is None else _with_text_of(each, before)
                self.kept[each.target] = anew
            for target in forget:
                if target in self.kept and self.kept[target].taken_until is None:
                    del self.kept[target]
            return bool(put or forget)

    def waiting(self) -> Sequence[Telling]:
        """All that is still to be said."""
        with self.lock:
            return sorted((t for t in self.kept.values() if t.is_waiting), key=lambda t: (t.since, t.target))

    def unsaid(self, repository: RepositoryId) -> Sequence[Untold]:
        """Why it could not be said."""
        since = defaultdict[str, list[datetime]](list)
        for each in self.of(repository):
            if each.error and not each.is_said:
                since[each.error].append(each.since)
        found = [Untold(error, min(times), len(times)) for error, times in since.items()]
        return sorted(found, key=lambda each: (each.since, each.error))

    def all_unsaid(self) -> Mapping[RepositoryId, Sequence[Untold]]:
        """The same of each repository."""
        repositories = sorted({target.repository for target in self.kept})
        return {each: found for each in repositories if (found := self.unsaid(each))}

    def take(self, seen: Telling, owner: ProcessId, until: datetime) -> Telling | None:
        """Has this process say it."""
        with self.lock:
            found = self.kept.get(seen.target)
            if found is None or found.taken_until != seen.taken_until or not found.is_waiting:
                return None
            taken = self.kept[seen.target] = replace(found, owner=owner, taken_until=until, began=True)
            return taken

    def told(self, taken: Telling, remote: str) -> None:
        """Notes that it was said."""
        with self.lock:
            found = self._mine(taken)
            if found is not None and found.is_last and found.digest == taken.digest:
                del self.kept[taken.target]
            elif found is not None:
                said = replace(
                    found, said=taken.digest, remote=remote, tries=0, next_try=None, error="", refused=""
                )
                self.kept[taken.target] = replace(said, owner=None, taken_until=None)

    def not_told(self, taken: Telling) -> None:
        """Notes that it was not."""
        with self.lock:
            found = self._mine(taken)
            if found is not None:
                noted = replace(found, tries=taken.tries, next_try=taken.next_try, error=taken.error)
                noted = replace(noted, refused=taken.refused, remote=taken.remote)
                self.kept[taken.target] = replace(noted, owner=None, taken_until=None)

    def _mine(self, taken: Telling) -> Telling | None:
        found = self.kept.get(taken.target)
        is_mine = found is not None and (found.owner, found.taken_until) == (taken.owner, taken.taken_until)
        return found if is_mine else None


def _with_text_of(fresh: Telling, before: Telling) -> Telling:
    since = fresh.since if before.is_said else before.since
    error = "" if before.said == fresh.digest else before.error
    text = replace(before, document=fresh.document, digest=fresh.digest, since=since, is_last=fresh.is_last)
    return replace(text, tries=0, next_try=None, error=error, refused="")
