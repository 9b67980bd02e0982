"""A look at a mirror, as `envmgr doctor` takes it: whether it is ours to write, and whole as far as that shows quickly."""

import os
from pathlib import Path

from envmgr.domain.errors import NeedsOperator

from .mirror import Mirror, reported
from .objects import checks

_WRITTEN = (".", "objects", "objects/pack", "refs")


def check_mirror(mirror: Mirror) -> None:
    """Raises NeedsPerson where the next fetch, or a checkout of what is here, would fail; quiet where there is none yet."""
    with reported(f"The mirror {mirror.path} cannot be used"):
        is_there = mirror.path.exists()
        for folder in (mirror.path / name for name in _WRITTEN) if is_there else [_nearest(mirror.path)]:
            if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
                raise NeedsOperator(
                    f"The mirror {mirror.path} cannot be used: {folder} is not writable for envmgr's user; make it the owner of the folder and everything in it."
                )
    if is_there:
        _check_refs(mirror)


def _nearest(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.exists())


def _check_refs(mirror: Mirror) -> None:
    """Each branch and each commit that is kept has its commit, and that its root folder."""
    refs = mirror.output(["for-each-ref", "--format=%(objectname) %(refname)"]).decode(
        "utf-8", "surrogateescape"
    )
    named = [line.partition(" ") for line in refs.split("\n") if line]
    trees = checks(mirror, [f"{commit}^{{tree}}" for commit, _, _ in named])
    for (commit, _, ref), tree in zip(named, trees, strict=True):
        if tree is None:
            raise mirror.damaged(f"commit {commit[:10]} of {ref} is incomplete")
