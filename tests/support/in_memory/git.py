"""The port `Git` in memory: remotes that a test pushes to, and their mirrors."""

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha1
from itertools import count
from pathlib import Path, PurePosixPath

from envmgr.domain.errors import EnvmgrError, NeedsPerson, NotHere, Transient, UsageError
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.environment import Source
from envmgr.domain.values.names import EnvironmentId, RepositoryId, matches_any
from envmgr.domain.values.origins.git_tag import TAGS, GitTag
from envmgr.ports import CommitInfo, Inspection, Remote

_numbers = count(1)


@dataclass(frozen=True)
class Commit:
    """A commit: its parent, and all files that it has."""

    name: str
    parent: str | None
    files: Mapping[str, bytes]
    subject: str
    author: str = "Test"


@dataclass
class MemoryRepository:
    """A remote: branches that point at commits. Pushed to as `GitRepository` is."""

    url: str
    default_branch: str = "main"
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    is_away: bool = False
    tags: dict[str, GitTag] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    """Where a forge keeps the heads of pull requests: `refs/pull/7/head`."""

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Push one commit; None takes a file away. A new branch starts at the default branch."""
        parent = self.refs.get(branch) or self.refs.get(self.default_branch)
        before = self.commits[parent].files if parent else {}
        return self._add(branch, {**before, **_encoded(files)}, files, message, parent)

    def force_push(self, branch: str, files: Mapping[str, str | None], message: str = "Rewrite") -> str:
        """Replace the branch by one commit without history."""
        return self._add(branch, _encoded(files), files, message, None)

    def delete(self, *branches: str) -> None:
        """Delete branches that exist."""
        for branch in branches:
            del self.refs[branch]

    def tag(self, name: str, commit: str, message: str | None = None, at: int | None = None) -> None:
        """Push a tag, or move it; with a message an annotated one."""
        made = commit if message is None else _name(["tag", next(_numbers), commit, message])
        self.tags[name] = GitTag(commit, made, datetime.fromtimestamp(at or next(_numbers), UTC))

    def delete_tag(self, *names: str) -> None:
        """Delete tags that exist."""
        for name in names:
            del self.tags[name]

    def head(self, branch: str) -> str | None:
        """What a branch points at."""
        return self.refs.get(branch)

    def point(self, branches: Iterable[str], commit: str) -> None:
        """Let branches point at a commit."""
        self.refs.update(dict.fromkeys(branches, commit))

    def rename_default_branch(self, name: str) -> None:
        """Give it another name."""
        self.refs[name] = self.refs.pop(self.default_branch)
        self.default_branch = name

    def copy(self, url: str) -> "MemoryRepository":
        """The same at another address."""
        return MemoryRepository(
            url, self.default_branch, dict(self.refs), dict(self.commits), tags=dict(self.tags)
        )

    def history(self, commit: str | None) -> Iterator[Commit]:
        """A commit and what came before it."""
        while commit is not None and commit in self.commits:
            yield self.commits[commit]
            commit = self.commits[commit].parent

    def _add(
        self,
        branch: str,
        files: Mapping[str, bytes],
        said: Mapping[str, str | None],
        message: str,
        parent: str | None,
    ) -> str:
        kept = {path: content for path, content in files.items() if said.get(path, "") is not None}
        name = _name(["commit", next(_numbers), parent, message])
        self.commits[name] = Commit(name, parent, kept, message)
        self.refs[branch] = name
        return name


@dataclass
class _Mirror:
    commits: dict[str, Commit] = field(default_factory=dict)
    kept: dict[EnvironmentId, set[str]] = field(default_factory=dict)


class MemoryGit:
    """See `envmgr.ports.Git`. Commits that only a name in another repository gives are not known."""

    def __init__(self, *remotes: MemoryRepository) -> None:
        self.remotes = {remote.url: remote for remote in remotes}
        self.listed: Callable[[frozenset[str] | None], None] = lambda _: None
        """Told which branches a listing showed; None where there was none."""
        self._mirrors: dict[RepositoryId, _Mirror] = {}

    def listing(
        self,
        remote: Remote,
        patterns: Sequence[str],
        default_branch: str | None,
        tags: Sequence[str] = (),
        refs: Sequence[str] = (),
    ) -> Listing:
        """All branches and tags of a remote that answers."""
        try:
            found = self._remote(remote)
        except EnvmgrError:
            self.listed(None)
            raise
        if found.default_branch not in found.refs:
            raise NeedsPerson(f"{remote.repository} has no default branch: push {found.default_branch}.")
        wanted = {
            branch: commit
            for branch, commit in found.refs.items()
            if branch == found.default_branch or matches_any(branch, tuple(patterns))
        }
        self.listed(frozenset(wanted))
        tagged = {
            name: replace(tag, at=None) for name, tag in found.tags.items() if matches_any(name, tuple(tags))
        }
        heads = {f"refs/heads/{branch}": commit for branch, commit in found.refs.items()} | found.pulls
        return Listing(
            found.default_branch, wanted, tagged, {ref: heads[ref] for ref in refs if ref in heads}
        )

    def fetch(self, remote: Remote, branches: Mapping[str, str]) -> None:
        """Copies histories into the mirror."""
        mirror = self._mirror(remote.repository)
        missing = {b: c for b, c in branches.items() if c not in mirror.commits}
        if not missing:
            return
        there = self._remote(remote)
        for branch, commit in missing.items():
            tag = there.tags.get(branch.removeprefix(TAGS))
            at = tag.commit if branch.startswith(TAGS) and tag else there.refs.get(branch)
            at = there.pulls.get(branch, at)
            history = list(there.history(at))
            mirror.commits.update({each.name: each for each in history})
            if commit not in mirror.commits:
                raise NotHere(f"{branch} changed at the remote: the next listing tells.")

    def tag_times(self, remote: Remote, tags: Mapping[str, GitTag]) -> Mapping[str, datetime]:
        """As they were made."""
        there = self._remote(remote).tags
        return {name: at for name in tags if name in there and (at := there[name].at) is not None}

    def resolve(self, repository: RepositoryId, revision: str) -> str:
        """By the beginning of its name, and `~N` for the commit that many before it."""
        name, _, back = revision.partition("~")
        found = [each for each in self._mirror(repository).commits if name and each.startswith(name)]
        history = list(self._history(repository, found[0])) if len(found) == 1 else []
        if len(history) <= int(back or 0):
            raise UsageError(f"{repository} has no commit {revision} here, or more than one.")
        return history[int(back or 0)]

    def read_file(self, repository: RepositoryId, commit: str, path: str, limit: int) -> bytes | None:
        """A file of a commit."""
        content = self._commit(repository, commit).files.get(path)
        if content is None and _below(self._commit(repository, commit).files, path):
            raise NeedsPerson(f"{path} in {repository} is not a regular file; make it one.")
        if content is not None and len(content) > limit:
            raise NeedsPerson(f"{path} in {repository} has {len(content)} bytes; at most {limit} are read.")
        return content

    def inspect(
        self, repository: RepositoryId, commit: str, directory: str | None, file: str, limit: int
    ) -> Inspection:
        """Folder, file and commit together."""
        found = self._commit(repository, commit)
        tree = None if directory is None else _tree(found.files, directory)
        content = self.read_file(repository, commit, file, limit)
        return Inspection(tree, content, CommitInfo(commit, found.author, found.subject))

    def changed(self, repository: RepositoryId, before: str, after: str) -> frozenset[str] | None:
        """The paths that differ."""
        commits = self._mirror(repository).commits
        if before not in commits or after not in commits:
            return None
        one, other = commits[before].files, commits[after].files
        return frozenset(path for path in {*one, *other} if one.get(path) != other.get(path))

    def holds(self, repository: RepositoryId, commit: str, ancestor: str) -> bool:
        """Whether one is in another's history."""
        self._commit(repository, commit)
        return ancestor in self._history(repository, commit)

    def is_related(self, repository: RepositoryId, commit: str, others: Collection[str]) -> bool:
        """Whether they have a beginning in common."""
        here = [other for other in others if other in self._mirror(repository).commits]
        mine = set(self._history(repository, commit))
        return bool(here) and all(mine & set(self._history(repository, other)) for other in here)

    def checkout(self, repository: RepositoryId, commit: str, destination: Path, scope: str = ".") -> None:
        """Writes real files."""
        _write(_below(self._commit(repository, commit).files, scope), destination)

    def complete(self, remote: Remote, commit: str, checkout: Path) -> None:
        """No commit here names anything that is elsewhere."""

    def export(self, repository: RepositoryId, commit: str, scope: str, pack: Path) -> None:
        """The files as a document."""
        files = _below(self._commit(repository, commit).files, scope)
        pack.write_text(json.dumps([commit, {p: c.decode("latin-1") for p, c in files.items()}]))

    def unpack(self, pack: Path, commit: str, source: Source, destination: Path) -> None:
        """Writes what `export` gave."""
        try:
            packed, found = json.loads(pack.read_bytes())
        except ValueError:
            packed, found = "", {}
        files = {path: str(text).encode("latin-1") for path, text in found.items()}
        if packed != commit or _tree(files, source.scope) != source.tree:
            raise NeedsPerson(f"What is kept is not the code of {commit[:10]}.")
        _write(files, destination)

    def check(self, repository: RepositoryId) -> None:
        """Nothing can be damaged."""

    def keep(self, environment: EnvironmentId, slot: str, commit: str) -> None:
        """Notes it."""
        self._commit(environment.repository_id, commit)
        self._mirror(environment.repository_id).kept.setdefault(environment, set()).add(commit)

    def let_go(self, environment: EnvironmentId) -> None:
        """Forgets it."""
        self._mirror(environment.repository_id).kept.pop(environment, None)

    def keeping(self, repository: RepositoryId) -> Sequence[EnvironmentId]:
        """What is noted."""
        return sorted(self._mirror(repository).kept)

    def kept(self, environment: EnvironmentId) -> frozenset[str]:
        """The commits that are kept for an environment; no part of the port."""
        return frozenset(self._mirror(environment.repository_id).kept.get(environment, ()))

    def tidy(self, repository: RepositoryId, branches: Collection[str]) -> None:
        """Nothing is ever removed."""

    def _remote(self, remote: Remote) -> MemoryRepository:
        found = self.remotes.get(remote.url)
        if found is None:
            raise NeedsPerson(f"There is no repository {remote.url}: check `url`.")
        if found.is_away:
            raise Transient(f"{remote.url} does not answer.")
        return found

    def _mirror(self, repository: RepositoryId) -> _Mirror:
        return self._mirrors.setdefault(repository, _Mirror())

    def _commit(self, repository: RepositoryId, commit: str) -> Commit:
        found = self._mirror(repository).commits.get(commit)
        if found is None:
            raise NotHere(f"{commit} is not in the mirror of {repository}; the next fetch brings it.")
        return found

    def _history(self, repository: RepositoryId, commit: str | None) -> Iterator[str]:
        commits = self._mirror(repository).commits
        while commit is not None and commit in commits:
            yield commit
            commit = commits[commit].parent


def _encoded(files: Mapping[str, str | None]) -> dict[str, bytes]:
    return {path: (content or "").encode() for path, content in files.items()}


def _name(content: object) -> str:
    return sha1(json.dumps(content).encode(), usedforsecurity=False).hexdigest()


def _below(files: Mapping[str, bytes], scope: str) -> dict[str, bytes]:
    folder = PurePosixPath(scope)
    return {path: content for path, content in files.items() if folder in PurePosixPath(path).parents}


def _tree(files: Mapping[str, bytes], path: str) -> str | None:
    found = _below(files, path)
    listed = sorted((str(PurePosixPath(p).relative_to(path)), c.decode("latin-1")) for p, c in found.items())
    return _name(["tree", listed]) if found else None


def _write(files: Mapping[str, bytes], destination: Path) -> None:
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True, mode=0o700)
    for path, content in files.items():
        file = destination / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
