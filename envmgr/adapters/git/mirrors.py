"""Remotes and their local bare mirrors: the port `Git` by git's own processes."""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from envmgr.domain.errors import NeedsPerson, NotHere, UsageError
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.environment import Source
from envmgr.domain.values.names import EnvironmentId, RepositoryId, ref_component
from envmgr.domain.values.origins.git_tag import TAGS, GitTag
from envmgr.ports import GitLimits, Inspection, Remote

from . import kept
from .checkout import check_out
from .completion import Completion
from .connection import Connections
from .failure import Damaged, failure
from .location import Location, locate
from .mirror import Mirror, Recent, checked_commit, make_private, reported
from .mirror_check import check_mirror
from .objects import (
    checks,
    contents,
    differences,
    file_at,
    holds,
    inside,
    inspection,
    is_related,
    not_here,
)
from .process import SETTINGS_COUNT, Answer, configuration, run
from .ref_limits import check_count, check_listing, listing_bounds
from .ref_reading import LocalRemote, polled_tags, time_of
from .refs import (
    FORMAT,
    HEADS,
    KEPT,
    POLL_HEADS,
    POLL_PULLS,
    POLL_TAGS,
    PULLS,
    Refs,
    full_ref,
    is_pull,
    kept_prefix,
    parse_for_each_ref,
    parse_ls_remote,
    poll_refspecs,
    ref_part,
)
from .unchanged.looks import Looks

_UNFILTERED_SECONDS = 600.0  # after a fetch of all that one branch spoiled
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--stdin")
_NOWHERE = ("\n", "\0", "@{")
"""What is in no revision that a mirror can know: it has no logs of refs and no upstreams, of which git does not even say no."""
_LOCK_FILE = re.compile(r"unable to create '.*\.lock'", re.IGNORECASE)
_BRANCH_NAME_TAKEN = re.compile(r"cannot lock ref|unable to update local ref|refname conflict", re.IGNORECASE)


class Mirrors:
    """One bare mirror for each repository, at `<folder>/<organization>/<repository>.git` (0700)."""

    def __init__(
        self,
        folder: Path,
        *,
        timeout: timedelta = timedelta(seconds=60),
        fetch_timeout: timedelta = timedelta(minutes=15),
        many_refs: int = 500,
        limits: Callable[[RepositoryId], GitLimits] = lambda _: GitLimits(),
    ) -> None:
        """Keeps mirrors below `folder`.

        `timeout` limits a listing and every local git process, and is how long a server may be silent;
        `fetch_timeout` limits what brings commits; remotes with more than `many_refs` refs are from
        then on listed by a fetch, which the server filters; `limits` are what a repository may ask of this host.
        """
        self._folder = folder.absolute()
        self._seconds = timeout.total_seconds()
        self._fetch_seconds = fetch_timeout.total_seconds()
        self._many_refs = many_refs
        self._limits = limits
        self._recent = Recent()
        self._unfiltered_until: dict[RepositoryId, float] = {}
        self._connections = Connections(self._folder, self._seconds)
        self._looks = Looks()
        self._completion = Completion(self._connections, self._seconds, self._fetch_seconds)

    # --- remotes ---

    def listing(
        self,
        remote: Remote,
        patterns: Sequence[str],
        default_branch: str | None,
        tags: Sequence[str] = (),
        refs: Sequence[str] = (),
    ) -> Listing:
        """A complete listing of the branches and tags that match, and the default branch (see `ports.Git`)."""
        location = locate(remote)
        if location.path is not None:
            here = LocalRemote(remote, location.path, self._limits(remote.repository), self._seconds)
            found = here.refs(with_tags=bool(tags), others=refs)
            return found.listing(remote.repository, patterns, default_branch, tags, refs)
        if default_branch is not None and self._is_filtered(remote.repository):
            asked = poll_refspecs(patterns, default_branch, tags, refs)
            filtered = self._filtered_refs(remote, location, default_branch, asked, with_tags=bool(tags))
            if filtered is not None:
                return filtered.listing(remote.repository, patterns, default_branch, tags, refs)
        found = self._remote_refs(remote, location)
        self._remember_size(remote.repository, found)
        return found.listing(remote.repository, patterns, default_branch, tags, refs)

    def fetch(self, remote: Remote, branches: Mapping[str, str]) -> None:
        """Brings the branches' commits into the mirror; nothing is asked of the remote where all are there."""
        mirror = self._mirror(remote.repository)
        missing = self._missing(mirror, branches)
        if not missing:
            return
        location = locate(remote)
        with mirror.locked(self._fetch_seconds) as lock:
            mirror.create(next(iter(missing.values())))
            self._fetch_branches(mirror, remote, location, missing, lock)
        # A fetched ref's own file tells it without one more process; where it does not, git is asked.
        unsure = {b: c for b, c in missing.items() if not mirror.points_at(full_ref(b), c)}
        if unsure and (still := self._missing(mirror, unsure)):
            raise NotHere(_moved_on(remote.repository, still))

    def tag_times(self, remote: Remote, tags: Mapping[str, GitTag]) -> Mapping[str, datetime]:
        """When each of some tags was made; one that does not say is left out (see `ports.Git`)."""
        if not tags:
            return {}
        self.fetch(remote, {f"{TAGS}{name}": tag.object for name, tag in tags.items()})
        found = contents(self._mirror(remote.repository), [tag.object for tag in tags.values()])
        times = {name: time_of(content) for name, content in zip(tags, found, strict=True)}
        return {name: at for name, at in times.items() if at is not None}

    def tidy(self, repository: RepositoryId, branches: Collection[str]) -> None:
        """Forgets branches other than these, repacks, and removes what nothing refers to for two weeks.

        Kept commits stay. Quiet where there is no mirror.
        """
        mirror = self._mirror(repository)
        if not mirror.exists:
            return
        with mirror.locked(self._seconds) as lock:
            mirror.clear_stale_locks(self._fetch_seconds)
            prefixes = (HEADS, TAGS, POLL_HEADS, POLL_TAGS, POLL_PULLS)
            below = {prefix: self._names(mirror, prefix) for prefix in prefixes}
            unused = [p + b for p, names in below.items() for b in names if b not in branches]
            pulls = filter(is_pull, (f"refs/{name}" for name in self._names(mirror, "refs/")))
            self._delete(mirror, [*unused, *(ref for ref in pulls if ref not in branches)])
            # Two weeks, as git's own default: what was fetched a moment ago may not have its ref yet.
            gc = ["gc", "--quiet", "--prune=2.weeks.ago"]
            bounds = replace(mirror.bounds, seconds=self._fetch_seconds)
            answer = run(gc, mirror.environment, bounds, inherit=[lock])
            if answer.failed:
                raise mirror.broken("gc", answer)
            commits = set(
                mirror.output(["for-each-ref", "--format=%(objectname)", HEADS, TAGS, *PULLS, KEPT])
                .decode()
                .split()
            )
        self._completion.tidy(mirror, commits)

    # --- commits in the mirror ---

    def resolve(self, repository: RepositoryId, revision: str) -> str:
        """The full object name of a commit that a revision (name, branch, `branch~2`) means."""
        shown = ref_component(revision)[:80]
        found = None
        if revision and not any(each in revision for each in _NOWHERE) and not revision.startswith(":."):
            found = checks(self._mirror(repository), [f"{revision}^{{commit}}"])[0]
        if found is None:
            raise UsageError(
                f"{repository} has no commit {shown!r} here, or more than one; give its full name."
            )
        return found[0]

    def read_file(self, repository: RepositoryId, commit: str, path: str, limit: int) -> bytes | None:
        """A regular file's content; None where there is nothing; NeedsPerson for anything else or above `limit`."""
        return file_at(self._mirror(repository), commit, path, limit)

    def changed(self, repository: RepositoryId, before: str, after: str) -> frozenset[str] | None:
        """The paths in which two commits differ (see `ports.Git`)."""
        return differences(self._mirror(repository), before, after)

    def holds(self, repository: RepositoryId, commit: str, ancestor: str) -> bool:
        """Whether a commit's whole history holds another commit (see `ports.Git`)."""
        return holds(self._mirror(repository), commit, ancestor)

    def is_related(self, repository: RepositoryId, commit: str, others: Collection[str]) -> bool:
        """Whether a commit's history and those of others have a beginning in common (see `ports.Git`)."""
        return is_related(self._mirror(repository), commit, others)

    def inspect(
        self, repository: RepositoryId, commit: str, directory: str | None, file: str, limit: int
    ) -> Inspection:
        """A folder's tree, a file, author and subject."""
        return inspection(self._mirror(repository), commit, directory, file, limit)

    def checkout(self, repository: RepositoryId, commit: str, destination: Path, scope: str = ".") -> None:
        """Makes `destination` hold exactly the commit's files below `scope` (created, or replaced as a whole)."""
        check_out(self._mirror(repository), commit, destination, inside(scope))

    def complete(self, remote: Remote, commit: str, checkout: Path) -> None:
        """Puts submodules and Git LFS files into a checkout of the whole commit."""
        self._completion.complete(self._mirror(remote.repository), remote, checked_commit(commit), checkout)

    def export(self, repository: RepositoryId, commit: str, scope: str, pack: Path) -> None:
        """Writes a folder of a commit as a pack that needs no mirror."""
        kept.export(self._mirror(repository), commit, scope, pack)

    def unpack(self, pack: Path, commit: str, source: Source, destination: Path) -> None:
        """Makes `destination` hold what `export` packed; NeedsPerson where it is not the source's code."""
        kept.unpack(pack, commit, source, destination, self._seconds)

    def check(self, repository: RepositoryId) -> None:
        """Looks whether the mirror is ours to write, and whole as far as that shows quickly."""
        check_mirror(self._mirror(repository))

    def keep(self, environment: EnvironmentId, slot: str, commit: str) -> None:
        """Keeps a commit for an environment, durably when this returns."""
        mirror = self._mirror(environment.repository_id)
        ref = f"{kept_prefix(environment)}{ref_part(slot)}"
        # A claim will rely on this ref: it has to survive a power cut.
        durable = configuration({"core.fsync": "all"}, SETTINGS_COUNT)
        answer = self._update_refs(mirror, f"update {ref}\0{checked_commit(commit)}\0\0", durable)
        if "nonexistent object" in answer.messages:
            raise not_here(environment.repository_id, commit)
        if answer.failed:
            raise mirror.broken("update-ref", answer)

    def let_go(self, environment: EnvironmentId) -> None:
        """Ends all keeping for an environment; quiet where nothing is kept."""
        mirror = self._mirror(environment.repository_id)
        prefix = kept_prefix(environment)
        if mirror.exists:
            self._delete(mirror, [prefix + slot for slot in self._names(mirror, prefix)])

    def keeping(self, repository: RepositoryId) -> Sequence[EnvironmentId]:
        """The environments that have refs of our own."""
        mirror = self._mirror(repository)
        names = {ref.split("/")[0] for ref in self._names(mirror, KEPT)} if mirror.exists else set()
        return [EnvironmentId.of_component(repository, name) for name in sorted(names)]

    # --- how ---

    def _mirror(self, repository: RepositoryId) -> Mirror:
        return Mirror.of(self._folder, repository, self._seconds, self._limits(repository), self._recent)

    def _remote_refs(self, remote: Remote, location: Location) -> Refs:
        limits = self._limits(remote.repository)
        same = self._looks.unchanged(remote, location, self._seconds)
        output = self._ls_remote(remote, location, limits) if same is None else same
        refs = parse_ls_remote(remote.repository, output)
        check_count(remote.repository, limits, refs.count)
        if same is None and 0 < refs.count <= self._many_refs:
            self._looks.note(remote, output)
        return refs

    def _ls_remote(self, remote: Remote, location: Location, limits: GitLimits) -> bytes:
        command = ["ls-remote", "--symref", "--", location.url]
        answer = self._connections.run(remote, location, command, listing_bounds(limits, self._seconds))
        check_listing(remote.repository, limits, answer)
        if answer.failed:
            raise failure(remote, answer, self._seconds)
        return answer.output

    def _filtered_refs(
        self,
        remote: Remote,
        location: Location,
        default_branch: str,
        refspecs: Sequence[str],
        *,
        with_tags: bool,
    ) -> Refs | None:
        """The refs of a poll that the server filtered; None where a full one must tell.

        So where HEAD no longer is the default branch known so far, and where one branch that cannot be fetched
        spoils the fetch of all.
        """
        mirror = self._mirror(remote.repository)
        with mirror.locked(self._seconds) as lock:
            mirror.create(self._marker(remote.repository).read_text("ascii"))
            answer = self._fetch(mirror, remote, location, refspecs, lock)
            if "couldn't find remote ref" in answer.messages:
                return None
            if answer.failed:
                self._list_in_full(remote, answer, mirror)
                return None
            polled = mirror.output(["for-each-ref", f"--format={FORMAT}", "refs/poll"])
            found = polled_tags(mirror) if with_tags else {}
        refs = replace(parse_for_each_ref(remote.repository, polled, POLL_HEADS), tags=found)
        check_count(remote.repository, mirror.limits, refs.count)
        default = refs.default_commit
        if default is None or default != refs.head_commit:
            return None
        branches = {**refs.branches, default_branch: default}
        return replace(refs, branches=branches, head=default_branch, head_commit=default)

    def _list_in_full(self, remote: Remote, answer: Answer, mirror: Mirror) -> None:
        """Has full listings asked for from now on, for a while, unless it is clear that these would fail as well."""
        error = failure(remote, answer, self._fetch_seconds, mirror=mirror.path)
        if answer.timed_out or (isinstance(error, NeedsPerson) and not isinstance(error, Damaged)):
            raise error
        self._unfiltered_until[remote.repository] = time.monotonic() + _UNFILTERED_SECONDS

    def _is_filtered(self, repository: RepositoryId) -> bool:
        is_late = time.monotonic() >= self._unfiltered_until.get(repository, 0.0)
        return is_late and self._marker(repository).exists()

    def _fetch_branches(
        self, mirror: Mirror, remote: Remote, location: Location, branches: Mapping[str, str], lock: int
    ) -> None:
        refspecs = [f"+{full_ref(branch)}:{full_ref(branch)}" for branch in branches]
        answer = self._fetch(mirror, remote, location, refspecs, lock)
        if answer.failed and _BRANCH_NAME_TAKEN.search(answer.messages):
            # `env-a` is gone and `env-a/b` came: old names make room, their commits stay.
            self._delete(mirror, [HEADS + b for b in self._names(mirror, HEADS) if b not in branches])
            answer = self._fetch(mirror, remote, location, refspecs, lock)
        if "couldn't find remote ref" in answer.messages:
            raise NotHere(_moved_on(remote.repository, branches))
        if answer.failed:
            raise failure(remote, answer, self._fetch_seconds, "fetched", mirror.path)

    def _fetch(
        self, mirror: Mirror, remote: Remote, location: Location, refspecs: Sequence[str], lock: int
    ) -> Answer:
        # With --prune: a branch that is gone would else be found below refs/poll for ever.
        command = [*_FETCH, "--prune", "--", location.url]
        stdin = "".join(f"{refspec}\n" for refspec in refspecs).encode("utf-8", "surrogateescape")
        seconds = self._fetch_seconds
        bounds = replace(mirror.bounds, seconds=seconds)

        def ask() -> Answer:
            where = mirror.environment
            return self._connections.run(
                remote, location, command, bounds, where=where, stdin=stdin, lock=lock
            )

        answer = ask()
        if answer.failed and _LOCK_FILE.search(answer.messages) and mirror.clear_stale_locks(seconds):
            answer = ask()
        return answer

    def _missing(self, mirror: Mirror, branches: Mapping[str, str]) -> dict[str, str]:
        if not branches or not mirror.exists:
            return dict(branches)
        commits = [checked_commit(commit) for commit in branches.values()]
        if all(map(mirror.surely_lacks, commits)):  # as after a push
            return dict(branches)
        here = checks(mirror, commits)
        return {b: c for (b, c), found in zip(branches.items(), here, strict=True) if found is None}

    def _marker(self, repository: RepositoryId) -> Path:
        return self._mirror(repository).path.with_suffix(".filter")

    def _remember_size(self, repository: RepositoryId, refs: Refs) -> None:
        """Notes that there are many, by a commit of theirs: its name tells the hash function."""
        marker = self._marker(repository)
        if refs.count > self._many_refs:
            with reported(f"The mirrors' folder {marker.parent} cannot be used"):
                make_private(marker.parent)
                marker.write_text(refs.head_commit or "", "ascii")
        else:
            marker.unlink(missing_ok=True)

    def _names(self, mirror: Mirror, prefix: str) -> list[str]:
        output = mirror.output(["for-each-ref", "--format=%(refname)", prefix])
        refs = output.decode("utf-8", "surrogateescape").split("\n")
        return [ref[len(prefix) :] for ref in refs if ref]

    def _delete(self, mirror: Mirror, refs: Sequence[str]) -> None:
        answer = self._update_refs(mirror, "".join(f"delete {ref}\0\0" for ref in refs))
        if answer.failed:
            raise mirror.broken("update-ref", answer)

    def _update_refs(self, mirror: Mirror, commands: str, extra: Mapping[str, str] | None = None) -> Answer:
        stdin = commands.encode("utf-8", "surrogateescape")
        return mirror.run(["update-ref", "-z", "--stdin"], stdin=stdin, extra=extra)


def _moved_on(repository: RepositoryId, branches: Mapping[str, str]) -> str:
    names = ", ".join(ref_component(branch) for branch in list(branches)[:3])
    return f"{repository}: {names} changed at the remote during the fetch; the next listing shows the result."
