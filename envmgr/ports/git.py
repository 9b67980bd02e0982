"""Remotes and their mirrors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.environment import Source
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.git_tag import GitTag


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository's remote: where it is, and how to be let in.

    `url` is https, ssh (also `user@host:path`), file or a path. `username` and `password` are for
    https; `ssh_key` is a private key's text and `known_hosts` the text of a known_hosts file (without
    it the host key is accepted on first use and remembered). Secrets never reach argv or the mirror.
    """

    repository: RepositoryId
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssh_key: str | None = field(default=None, repr=False)
    known_hosts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """What one repository may ask of this host.

    `memory` is of each git process in bytes, `refs` how many a remote may list; `files` and `size` (in bytes) are of
    all files of a checkout.
    """

    memory: int = 2 * 1024**3
    refs: int = 500_000
    files: int = 200_000
    size: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit as people know it: its object name, author and first line."""

    commit: str
    author: str
    subject: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an update asks of a commit: a folder's object name, a file's content, and the commit as people know it."""

    tree: str | None
    file: bytes | None
    info: CommitInfo


class Git(Protocol):
    """Remotes and their local bare mirrors, one for each repository."""

    def listing(
        self,
        remote: Remote,
        patterns: Sequence[str],
        default_branch: str | None,
        tags: Sequence[str] = (),
        refs: Sequence[str] = (),
    ) -> Listing:
        """A complete listing of at least the branches that match; `default_branch` is the one known so far.

        `tags` are patterns, too: of tags nothing is asked without one. Each leads to a commit (see `GitTag`), without its time.
        `refs` are asked for in full (`refs/heads/topic`, `refs/pull/7/head`); those that are not there are left out.

        Raises Transient (unreachable, timed out, cut off) or NeedsPerson (refused, not found, empty,
        no default branch): in doubt it raises, so that no listing says less than the remote has.
        """
        ...

    def fetch(self, remote: Remote, branches: Mapping[str, str]) -> None:
        """Brings the branches' commits (branch → commit) into the mirror; those already there cost no network.

        A tag is given in full (`refs/tags/NAME`), and so is a pull request's own ref. Raises NotHere, which is Transient, where the remote answers and has a commit no more in its branch (that moved
        on: a new listing will tell).
        """
        ...

    def tag_times(self, remote: Remote, tags: Mapping[str, GitTag]) -> Mapping[str, datetime]:
        """When each of some tags was made (of a light one, when its commit was); asked of the remote where it is not here yet.

        Raises as `fetch`.
        """
        ...

    def resolve(self, repository: RepositoryId, revision: str) -> str:
        """The full object name of a commit in the mirror; raises UsageError where there is none."""
        ...

    def read_file(self, repository: RepositoryId, commit: str, path: str, limit: int) -> bytes | None:
        """A regular file's content in a commit; None where nothing is.

        Raises NeedsPerson where it is not a regular file (a symbolic link, a folder) or above `limit` bytes.
        """
        ...

    def inspect(
        self, repository: RepositoryId, commit: str, directory: str | None, file: str, limit: int
    ) -> Inspection:
        """What an update asks of a commit, at once: the folder's tree, `read_file`, author and subject.

        `tree` is None where no directory is asked for, and where it is none there.
        """
        ...

    def changed(self, repository: RepositoryId, before: str, after: str) -> frozenset[str] | None:
        """The paths in which two commits in the mirror differ; None where that cannot be told."""
        ...

    def holds(self, repository: RepositoryId, commit: str, ancestor: str) -> bool:
        """Whether the whole history of a commit in the mirror holds another commit, or is that; NotHere without it."""
        ...

    def is_related(self, repository: RepositoryId, commit: str, others: Collection[str]) -> bool:
        """Whether a commit's history and those of all others that are in the mirror have a beginning in common.

        False where none of them is there: then nothing is known.
        """
        ...

    def checkout(self, repository: RepositoryId, commit: str, destination: Path, scope: str = ".") -> None:
        """Makes `destination` hold exactly the commit's files below the folder `scope`, at their paths.

        It is created, or emptied of all else; `.` is the whole commit. NeedsPerson, before anything is written, where
        its tree is more than files below a folder, or holds more than the repository's limits allow.
        """
        ...

    def complete(self, remote: Remote, commit: str, checkout: Path) -> None:
        """Puts into a checkout of a whole commit what the commit only names: submodules (and theirs), Git LFS files.

        What was fetched once costs no network. The remote's credentials go to its own host only. NeedsPerson where
        a submodule's URL, a missing commit or a missing git-lfs needs one; Transient as `fetch`.
        """
        ...

    def export(self, repository: RepositoryId, commit: str, scope: str, pack: Path) -> None:
        """Writes a folder of a commit (`.` for all) to a file, as a git pack with the commit itself."""
        ...

    def unpack(self, pack: Path, commit: str, source: Source, destination: Path) -> None:
        """Makes `destination` hold what `export` packed, no mirror needed.

        NeedsPerson where that is not the source's tree in this very commit.
        """
        ...

    def check(self, repository: RepositoryId) -> None:
        """Looks at the mirror: NeedsPerson where it is damaged, or not ours to write; quiet where there is none yet."""
        ...

    def keep(self, environment: EnvironmentId, slot: str, commit: str) -> None:
        """Keeps a commit alive in the mirror for an environment by a ref of our own (`slot` names the use)."""
        ...

    def let_go(self, environment: EnvironmentId) -> None:
        """Ends all keeping for an environment."""
        ...

    def keeping(self, repository: RepositoryId) -> Sequence[EnvironmentId]:
        """The environments for which commits of a repository are kept."""
        ...

    def tidy(self, repository: RepositoryId, branches: Collection[str]) -> None:
        """Housekeeping: forgets branches other than these and removes what nothing refers to; kept commits stay."""
        ...
