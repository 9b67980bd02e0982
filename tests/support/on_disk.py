"""What would be there after a power cut: contents of files that were put on disk, and names in folders that were."""

import os
from pathlib import Path

import pytest


class Disk:
    """Sees what is put on disk from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By `os.fsync`, which goes on as ever."""
        self._names = dict[int, set[str]]()
        self._files = set[int]()
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._seen)

    def _seen(self, descriptor: int) -> None:
        self._fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self._names[os.fstat(descriptor).st_ino] = set(os.listdir(path))  # noqa: PTH208
        else:
            self._files.add(os.fstat(descriptor).st_ino)

    def holds(self, file: Path, since: Path) -> bool:
        """Whether a file would be there with what is in it, and each folder of it that was made below `since`."""
        above = [file, *(each for each in file.parents if each != since and each.is_relative_to(since))]
        named = all(each.name in self._names.get(each.parent.stat().st_ino, ()) for each in above)
        return named and file.stat().st_ino in self._files
