"""Terraform's folders before a command: nothing that a branch did to them, or holds, may keep `init` from working."""

from pathlib import Path

from envmgr.host.leftovers import accessible, clear

from .errored_state import KEPT_FILES

_STATES = ("terraform.tfstate", "terraform.tfstate.d")
"""A state that was committed: `init` would ask whether it is to go to our backend, and nobody answers."""


def leave_states_out(root: Path) -> None:
    """Takes what looks like a state of its own out of a checkout: the state is in the backend."""
    for name in _STATES:
        clear(root / name)


def make_fit(data: Path) -> None:
    """Gives back permissions that were taken away; where links lead out, or another user's files are in it, `init` begins anew.

    Only while no Terraform works in it. What an apply may have left of its state stays.
    """
    is_ours = accessible(data)
    for path in data.iterdir():
        if path.name not in KEPT_FILES and (path.is_symlink() or (path.is_dir() and not is_ours)):
            clear(path)
