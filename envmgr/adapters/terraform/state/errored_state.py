"""The state that Terraform could not write to its backend: kept in the data folder until it is pushed.

Terraform leaves `errored.tfstate` in its working folder, which is a checkout and does not last; a branch may
hold a file of that name too. So a note is in the data folder while an apply runs, set after such a file was
removed: what lies there while the note does is Terraform's.

It is the only record of what that apply made, and it may be wrong to push it all the same: Terraform may have
died while it wrote it, or somebody wrote another state since. Then a person has to look.
"""

import json
import os
from pathlib import Path
from typing import Any

from envmgr.domain.documents.state import LARGEST, State
from envmgr.domain.errors import NeedsPerson
from envmgr.host.leftovers import clear, files
from envmgr.host.links import followed
from envmgr.host.strange import content
from envmgr.host.system import create_private
from envmgr.ports import Workspace

from .state_room import holds_something, set_room_aside

_NAME = "errored.tfstate"
_NOTE = "envmgr-applying"
_NOTHING = b'{"version": 4, "lineage": "", "serial": 0, "resources": []}'


class ErroredState:
    """The errored state of one workspace."""

    def __init__(self, root: Path, data: Path, checkout: Path | None = None) -> None:
        """Of the workspace with this root, this data folder, and the checkout that the root lies in, where it is not all of it."""
        self._checkout = checkout or root
        self._in_root = root / _NAME
        self.kept = data / _NAME
        self._note = data / _NOTE

    def expect(self) -> None:
        """Before an apply: what is there from now on is Terraform's."""
        self.rescue()
        self.make_room()
        clear(self._note)
        os.close(create_private(self._note))

    def make_room(self) -> None:
        """Leaves an empty file with the room it needs; before a plan already, so that apply sees the same files.

        Raises NeedsPerson where code of the branch put a link that leads out in the place of Terraform's folder.
        """
        if not self._is_within():
            raise NeedsPerson(
                f"Code of the branch put something else in the place of {self._in_root.parent}: nothing is applied "
                "there. Correct the code and push again."
            )
        clear(self._in_root)
        set_room_aside(self._in_root)

    def rescue(self) -> bool:
        """Brings one to safety that an apply left; says whether there is one to be pushed."""
        if os.path.lexists(self._note):
            left = self._left()
            if left is not None:
                left.chmod(0o600)
                left.replace(self.kept)  # moved, for the disk may be full
            elif self._is_within():
                clear(self._in_root)
            # Last: until the state is safe, the note says that what lies there is Terraform's.
            clear(self._note)
        return holds_something(self.kept)

    def check_whole(self) -> None:
        """Raises NeedsPerson where Terraform did not write it to its end."""
        self._state()

    def check_may_follow(self, current: bytes) -> None:
        """Raises NeedsPerson where pushing it would undo what the backend has now (empty: nothing).

        Terraform itself would push any state over one without resources, and so bring back what is gone.
        """
        kept, other = self._state(), State.from_bytes(current or _NOTHING, "the backend")
        if not other.lineage:  # Terraform shows so that there is none
            return
        if kept.lineage != other.lineage:
            raise self._doubt("the backend has a state of another lineage")
        if kept.serial < other.serial:
            raise self._doubt(f"the backend has a newer one (serial {other.serial}, it is {kept.serial})")
        if kept.serial == other.serial and _content(self._text()) != _content(current):
            raise self._doubt(f"the backend has another one of the same serial ({kept.serial})")

    def pushed(self) -> None:
        """It is in the backend now."""
        self.kept.unlink()

    def _left(self) -> Path | None:
        """Terraform wrote it to the folder that it was started in, which code of the branch may have moved since."""
        if self._is_within():
            return self._in_root if holds_something(self._in_root) else None
        there = () if self._checkout.is_symlink() else files(self._checkout)
        found = [each for each in there if each.name == _NAME and holds_something(each)]
        return max(found, key=lambda each: each.lstat().st_mtime, default=None)

    def _is_within(self) -> bool:
        """Whether Terraform's folder is in the checkout: by a link in its place it would be another's."""
        root = self._in_root.parent
        try:
            is_folder = not self._checkout.is_symlink() and followed(root).is_dir()
            return is_folder and followed(root).is_relative_to(followed(self._checkout))
        except OSError:
            return False

    def _state(self) -> State:
        try:
            return State.from_bytes(self._text(), str(self.kept))
        except NeedsPerson as error:
            raise self._doubt("it is truncated, encrypted or not a Terraform state") from error

    def _text(self) -> bytes:
        """Where it is a plain file of the size of a state: code of the branch may write here as well."""
        return content(self.kept, LARGEST) or b""

    def _doubt(self, why: str) -> NeedsPerson:
        return NeedsPerson(
            f"The state that an earlier run could not write is kept in {self.kept}, but not pushed: {why}. Nothing "
            "is applied or destroyed until you compare the two: repair the file; or push it yourself (`terraform state push -force`) and delete it; or only delete it. Then `envmgr reconcile` the environment."
        )


def errored_of(workspace: Workspace) -> ErroredState:
    """That of a workspace."""
    return ErroredState(workspace.root, workspace.data, workspace.checkout)


def _content(text: bytes) -> tuple[Any, Any]:
    document = json.loads(text)
    return document.get("resources"), document.get("outputs")
