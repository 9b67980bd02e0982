"""Terraform binaries, kept by version: a destroy uses the version that applied."""

import os
import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from envmgr.host.system import sync

_RECENT = 24 * 3600  # seconds


class Binaries:
    """Copies of Terraform below `<folder>/<version>/`.

    Copies, not hard links: whoever overwrites a binary in place would change the kept one with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, binary: str, version: str) -> None:
        """Keeps a binary under its version, unless it is kept already."""
        found = shutil.which(binary)
        target = self._folder / version / "terraform"
        if target.exists():
            # Housekeeping leaves it for a day, by when a claim names it.
            os.utime(target.parent)
        if found is None or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock:  # threads that apply for the first time together; other processes have other names
            if target.exists():
                return
            partial = target.with_name(f".partial-{os.getpid()}")
            partial.unlink(missing_ok=True)
            shutil.copy2(found, partial)
            # A claim will rely on it: half of a program under this name would pass for it after a power cut.
            sync(partial)
            partial.replace(target)
            for folder in (target.parent, self._folder):
                sync(folder)

    def find(self, version: str) -> str | None:
        """The kept binary of a version, if there is one."""
        path = self._folder / version / "terraform"
        return str(path) if path.exists() else None

    def prune(self, used: Iterable[str]) -> int:
        """Deletes the versions that no environment uses; gives their number.

        One kept within the last day stays: whoever is about to apply with it has no claim on it yet.
        """
        wanted, recent = set(used), time.time() - _RECENT
        unused = [p for p in self._folder.glob("*") if p.name not in wanted and p.stat().st_mtime < recent]
        for path in unused:
            shutil.rmtree(path, ignore_errors=True)
        return len(unused)
