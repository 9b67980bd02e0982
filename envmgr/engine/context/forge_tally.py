"""What this process counts of forges: looks at them, and what they were told."""

import threading
from collections import Counter
from collections.abc import Mapping

from envmgr.domain.values.forge.telling import Delivered
from envmgr.domain.values.names import RepositoryId


class ForgeTally:
    """Counts by repository. Any thread may add to it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._looks: Counter[tuple[RepositoryId, bool]] = Counter()
        self._failing: dict[RepositoryId, int] = {}
        self._told: Counter[tuple[RepositoryId, Delivered]] = Counter()
        self._lock = threading.Lock()

    def looked(self, repository: RepositoryId, *, succeeded: bool) -> None:
        """Counts a look at a repository's forge."""
        with self._lock:
            self._looks[repository, succeeded] += 1
            if succeeded:
                self._failing.pop(repository, None)
            else:
                self._failing[repository] = self._failing.get(repository, 0) + 1

    def left(self, repository: RepositoryId) -> None:
        """Another host looks at a repository's forge from now on: how the last look of this one ended counts no more."""
        with self._lock:
            self._failing.pop(repository, None)

    def told(self, repository: RepositoryId, result: Delivered) -> None:
        """Counts one time that a forge was told something, or was to be."""
        with self._lock:
            self._told[repository, result] += 1

    @property
    def looks(self) -> Mapping[tuple[RepositoryId, bool], int]:
        """Looks by repository, and by whether they succeeded."""
        with self._lock:
            return dict(self._looks)

    @property
    def failing(self) -> Mapping[RepositoryId, int]:
        """How many looks failed in a row, where the last one did."""
        with self._lock:
            return dict(self._failing)

    @property
    def deliveries(self) -> Mapping[tuple[RepositoryId, Delivered], int]:
        """What became of telling forges something."""
        with self._lock:
            return dict(self._told)
