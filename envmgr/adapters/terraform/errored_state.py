"""The state that Terraform could not write to its backend: kept in the data folder until it is pushed.

Terraform leaves `errored.tfstate` in its working folder, which is a checkout and does not last; a branch may
hold a file of that name too. So a note is in the data folder while an apply runs, set after such a file was
removed: what lies there while the note does is Terraform's.
"""

import shutil
from pathlib import Path

from .backend import remove

_NAME = "errored.tfstate"
_NOTE = "envmgr-applying"


class ErroredState:
    """The errored state of one workspace."""

    def __init__(self, root: Path, data: Path) -> None:
        """Of the workspace with this root and this data folder."""
        self._in_root = root / _NAME
        self.kept = data / _NAME
        self._note = data / _NOTE

    def expect(self) -> None:
        """Before an apply: what is there from now on is Terraform's."""
        self.rescue()
        remove(self._in_root)
        self._note.touch(mode=0o600)

    def rescue(self) -> bool:
        """Brings one to safety that an apply left; says whether there is one to be pushed."""
        if self._note.exists():
            if self._in_root.is_file() and not self._in_root.is_symlink():
                part = self.kept.with_suffix(".part")
                shutil.copyfile(self._in_root, part)
                part.chmod(0o600)
                part.replace(self.kept)
                self._in_root.unlink()
            self._note.unlink()
        return self.kept.exists()

    def pushed(self) -> None:
        """It is in the backend now."""
        self.kept.unlink()
