"""A commit's files on disk: exact, without an index or a hook, and there as a whole or not at all."""

import re
from collections.abc import Mapping
from pathlib import Path

from envmgr.domain.errors import Transient
from envmgr.host.leftovers import clear, temporary

from .mirror import Mirror, checked_commit, make_private
from .objects import not_here
from .process import SETTINGS_COUNT, configuration

_SPECIAL = re.compile(r"([\\*?\[])")


def check_out(mirror: Mirror, commit: str, destination: Path, scope: str) -> None:
    """Makes `destination` (a folder, 0700) hold exactly the commit's files below the folder `scope`.

    They stand where they stand in the commit; `.` is all of it. Files keep mode and content, symbolic
    links are made as they are: where they lead is the reader's to judge. Submodules are empty folders. One process, or thread, at a time for one destination.
    """
    try:
        make_private(destination.parent)
        for leftover in destination.parent.glob(f".{destination.name}.checkout-*"):
            clear(leftover)
        with temporary(destination.parent, f".{destination.name}.checkout-") as work:
            (work / "new").mkdir(mode=0o700)
            fill(mirror, checked_commit(commit), work / "new", work, scope)
            put(work / "new", destination)
    except OSError as error:
        raise Transient(f"Files could not be checked out to {destination}: {error.strerror}.") from error


def fill(mirror: Mirror, commit: str, folder: Path, work: Path, scope: str = ".") -> None:
    """The commit's files into an empty folder, by one process with an index of its own in the folder `work`."""
    places = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(work / "index")}
    only = {} if scope == "." else _sparse(mirror, work / "git", scope)
    answer = mirror.run(["read-tree", "--reset", "-u", f"{commit}^{{commit}}"], extra={**places, **only})
    if (
        "not a valid object name" in answer.messages.lower()
        or "failed to unpack tree object" in answer.messages.lower()
    ):
        raise not_here(mirror.repository, commit)
    if answer.failed:
        raise mirror.broken("read-tree", answer)


def _sparse(mirror: Mirror, folder: Path, scope: str) -> Mapping[str, str]:
    """What makes git write only what is below a folder, yet by the attributes of the whole commit.

    Its patterns lie in the git folder: this one is our own, as of a linked work tree of the mirror.
    """
    (folder / "info").mkdir(mode=0o700, parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    literal = _SPECIAL.sub(r"\\\1", scope)
    (folder / "info" / "sparse-checkout").write_text(f"/{literal}/\n", "utf-8", "surrogateescape")
    return {
        "GIT_DIR": str(folder),
        "GIT_COMMON_DIR": str(mirror.path),
        **configuration({"core.sparseCheckout": "true", "core.sparseCheckoutCone": "false"}, SETTINGS_COUNT),
    }


def put(new: Path, destination: Path) -> None:
    """A new folder in place of the old one, however that was left; a crash in between leaves none, never a mixture."""
    clear(destination)
    new.rename(destination)
