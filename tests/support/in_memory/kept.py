"""The ports `Binaries` and `Providers` in memory."""

from collections.abc import Callable, Iterable
from pathlib import Path


class MemoryBinaries:
    """See `envmgr.ports.Binaries`."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def keep(self, binary: str, version: str) -> None:
        """Keeps it."""
        self.kept.setdefault(version, f"{binary}-{version}")

    def find(self, version: str) -> str | None:
        """Where it is kept."""
        return self.kept.get(version)

    def prune(self, used: Iterable[str]) -> int:
        """Forgets the others."""
        unused = self.kept.keys() - set(used)
        for version in unused:
            del self.kept[version]
        return len(unused)


class NoProviders:
    """See `envmgr.ports.Providers`: there are none to keep."""

    def shared(self) -> Path:
        """Of no use without a cage."""
        raise NotImplementedError

    def prune(self, lock_files: Iterable[str], data_folders: Callable[[], Iterable[Path]], age: float) -> int:
        """Nothing is there."""
        return 0
