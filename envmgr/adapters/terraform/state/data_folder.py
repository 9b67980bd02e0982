"""Terraform's folders before a command: nothing that a branch did to them, or holds, may keep `init` from working."""

import os
from collections.abc import Iterator
from pathlib import Path

from envmgr.host.leftovers import accessible, clear

_STATES = ("terraform.tfstate", "terraform.tfstate.d")
"""A state that was committed: `init` would ask whether it is to go to our backend, and nobody answers."""
_FOLDERS = ("home", "modules", "providers")
"""What in a data folder is a folder; all else are files."""


def leave_states_out(root: Path) -> None:
    """Takes what looks like a state of its own out of a checkout: the state is in the backend."""
    for name in _STATES:
        clear(root / name)


def make_fit(data: Path) -> None:
    """Gives back permissions that were taken away, and clears what stands in the place of Terraform's files and ours.

    That are links, folders and files in each other's place, and pipes, for which it would wait without end. Where
    another user's files are in it, `init` begins anew. Only while no Terraform works in it.
    """
    is_ours = accessible(data)
    for path in data.iterdir():
        fits = path.is_dir() and is_ours if path.name in _FOLDERS else path.is_file()
        if path.is_symlink() or not fits:
            clear(path)
    for path in _neither_file_nor_link(data):
        clear(path)


def _neither_file_nor_link(folder: Path) -> Iterator[Path]:
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    yield Path(entry.path)
