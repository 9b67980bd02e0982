"""Terraform's data folder before a command: what code of a branch did to it must not keep `init` from working."""

from pathlib import Path

from envmgr.host.leftovers import accessible, clear

from .errored_state import KEPT_FILES


def make_fit(data: Path) -> None:
    """Gives back permissions that were taken away; where links lead out, or another user's files are in it, `init` begins anew.

    Only while no Terraform works in it. What an apply may have left of its state stays.
    """
    is_ours = accessible(data)
    for path in data.iterdir():
        if path.name not in KEPT_FILES and (path.is_symlink() or (path.is_dir() and not is_ours)):
            clear(path)
