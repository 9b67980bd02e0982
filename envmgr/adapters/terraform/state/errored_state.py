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
from envmgr.host.leftovers import clear
from envmgr.host.strange import content
from envmgr.host.system import create_private

from .state_room import holds_something, set_room_aside

_NAME = "errored.tfstate"
_NOTE = "envmgr-applying"
_NOTHING = b'{"version": 4, "lineage": "", "serial": 0, "resources": []}'


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
        self.make_room()
        clear(self._note)
        os.close(create_private(self._note))

    def make_room(self) -> None:
        """Leaves an empty file with the room it needs; before a plan already, so that apply sees the same files."""
        clear(self._in_root)
        set_room_aside(self._in_root)

    def rescue(self) -> bool:
        """Brings one to safety that an apply left; says whether there is one to be pushed."""
        if os.path.lexists(self._note):
            if holds_something(self._in_root):
                self._in_root.chmod(0o600)
                self._in_root.replace(self.kept)  # moved, for the disk may be full
            else:
                clear(self._in_root)
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


def _content(text: bytes) -> tuple[Any, Any]:
    document = json.loads(text)
    return document.get("resources"), document.get("outputs")
