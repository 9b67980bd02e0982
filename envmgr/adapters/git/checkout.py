"""A commit's files on disk: exact, without a hook or a filter, and there as a whole or not at all."""

import re
from pathlib import Path

from envmgr.domain.values.names import ref_component
from envmgr.host.leftovers import clear, temporary

from .mirror import Mirror, checked_commit, make_private, reported
from .tree import TreeFile, is_below, refused, tree_files

_IGNORED = re.compile(r"^Ignoring path (.*)", re.MULTILINE)
"""What git takes for no path of a file below a folder: `.git` however it is written, `..`, a link named .gitmodules."""


def check_out(mirror: Mirror, commit: str, destination: Path, scope: str) -> None:
    """Makes `destination` (a folder, 0700) hold exactly the commit's files below the folder `scope`.

    They stand where they stand in the commit; `.` is all of it. Files keep mode and content, symbolic
    links are made as they are: where they lead is the reader's to judge. Submodules are empty folders. One process, or thread, at a time for one destination.
    """
    with reported(f"Files could not be checked out to {destination}"):
        make_private(destination.parent)
        for leftover in destination.parent.glob(f".{destination.name}.checkout-*"):
            clear(leftover)
        with temporary(destination.parent, f".{destination.name}.checkout-") as work:
            (work / "new").mkdir(mode=0o700)
            fill(mirror, checked_commit(commit), work / "new", work, scope)
            put(work / "new", destination)


def fill(mirror: Mirror, commit: str, folder: Path, work: Path, scope: str = ".") -> list[TreeFile]:
    """The commit's files into an empty folder, with an index of its own in the folder `work`; gives what they are.

    Only what is below the scope is read and written, yet by the attributes of the whole commit.
    """
    found = tree_files(mirror, commit, scope)
    places = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(work / "index")}
    # By plumbing: no hook runs, and the index holds just what was judged above.
    told = mirror.run(
        ["update-index", "-z", "--index-info"], stdin=b"".join(f.for_index for f in found), extra=places
    )
    if ignored := _IGNORED.search(told.messages):
        raise refused(mirror.repository, commit, f"git refuses the path {ref_component(ignored[1])[:100]}")
    if told.failed:
        raise mirror.broken("update-index", told)
    written = [file for file in found if is_below(file, scope)]
    if written:
        mirror.output(
            ["checkout-index", "--force", "--quiet", "-z", "--stdin"],
            stdin=b"".join(file.path + b"\0" for file in written),
            extra=places,
        )
    return written


def put(new: Path, destination: Path) -> None:
    """A new folder in place of the old one, however that was left; a crash in between leaves none, never a mixture."""
    clear(destination)
    new.rename(destination)
