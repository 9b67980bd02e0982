"""What a remote's refs say: parsing, filtering, and refspecs that let the server filter."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from envmgr.domain.errors import NeedsPerson, Transient, UsageError
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.names import EXCLUDES, EnvironmentId, RepositoryId, ref_component
from envmgr.domain.values.origins.git_tag import TAGS, GitTag

T = TypeVar("T")
HEADS = "refs/heads/"
KEPT = "refs/envmgr/"
POLL_HEADS = "refs/poll/heads/"
POLL_TAGS = "refs/poll/tags/"
PULLS = ("refs/pull/", "refs/merge-requests/", "refs/pull-requests/")
POLL_PULLS = "refs/poll/pulls/"
POLL_HEAD = "refs/poll/HEAD"
POLL_DEFAULT = "refs/poll/default"
FORMAT = "%(objectname)%(HEAD)%(refname)"  # `*` stands where HEAD names the branch, else a space

_LS_REMOTE = re.compile(r"[0-9a-f]{40,64}\t.+|ref: .+\t.+", re.DOTALL)
_FOR_EACH_REF = re.compile(r"([0-9a-f]{40,64})([* ])(.+)", re.DOTALL)
_PART = re.compile(r"[a-z0-9][a-z0-9+-]*")  # a commit, or an environment's own component
_PULL = re.compile(r"refs/(?:pull|merge-requests|pull-requests)/[0-9]+/(?:head|from|merge)")
_PEELED = "^{}"  # git's own mark of a line that says where an annotated tag leads to
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of such bytes
_NOT_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock/")


@dataclass(frozen=True, slots=True)
class Refs:
    """A remote's answer: branch → commit, the branch that HEAD names, HEAD's commit, the number of all refs, its tags."""

    branches: Mapping[str, str]
    head: str | None
    head_commit: str | None
    count: int
    default_commit: str | None = None  # of the default branch that a filtered poll asked for
    tags: Mapping[str, GitTag] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)  # by their full names

    def listing(
        self,
        repository: RepositoryId,
        patterns: Sequence[str],
        known: str | None,
        tags: Sequence[str] = (),
        refs: Sequence[str] = (),
    ) -> Listing:
        """The branches and tags that match, with the default branch; NeedsPerson where that does not show.

        A name that is not UTF-8 matches nothing: it could neither be stored nor shown.
        An old server gives HEAD's commit, not its name: then the branch `known` before counts if it
        still is that commit.
        """
        named = self.head
        if named is None and known is not None and self.branches.get(known) == self.head_commit:
            named = known
        if named is None or named not in self.branches:
            raise NeedsPerson(self._no_default(repository, named))
        found = _matching(self.branches, patterns)
        exact = {ref: commit for ref in refs if (commit := self._at(ref)) is not None}
        return Listing(named, {named: self.branches[named], **found}, _matching(self.tags, tags), exact)

    def _at(self, ref: str) -> str | None:
        if ref.startswith(HEADS):
            return self.branches.get(ref.removeprefix(HEADS))
        return self.others.get(ref)

    def _no_default(self, repository: RepositoryId, named: str | None) -> str:
        if not self.branches:
            return f"Repository {repository} shows no branch at all; push its default branch, or check `url`."
        which = f" ({ref_component(named)})" if named else ""
        return (
            f"Repository {repository} does not show the default branch that its HEAD names{which}; "
            "set HEAD to a branch that is there, so that a listing can be trusted."
        )


def parse_ls_remote(repository: RepositoryId, output: bytes) -> Refs:
    """Reads `git ls-remote --symref`; Transient where a line is none of its lines."""
    branches: dict[str, str] = {}
    tags: dict[str, str] = {}
    others: dict[str, str] = {}
    head = head_commit = None
    lines = _lines(output)
    for line in lines:
        if _LS_REMOTE.fullmatch(line) is None:
            raise _not_understood(repository, line)
        commit, _, ref = line.partition("\t")
        # Other symbolic refs than HEAD have their commit in a line of its own, as any branch.
        if commit.startswith("ref: "):
            head = commit.removeprefix("ref: ").removeprefix(HEADS) if ref == "HEAD" else head
        elif ref.startswith(HEADS):
            branches[ref[len(HEADS) :]] = commit
        elif ref.startswith(TAGS):
            tags[ref[len(TAGS) :]] = commit
        elif ref == "HEAD":
            head_commit = commit
        elif is_pull(ref):
            others[ref] = commit
    return Refs(branches, head, head_commit, len(lines), tags=peeled(tags), others=others)


def parse_show_ref(repository: RepositoryId, output: bytes) -> Mapping[str, GitTag]:
    """Reads `git show-ref --tags --dereference`; Transient where a line is none of its lines."""
    found: dict[str, str] = {}
    for line in _lines(output):
        commit, _, ref = line.partition(" ")
        if not ref.startswith(TAGS):
            raise _not_understood(repository, line)
        found[ref[len(TAGS) :]] = commit
    return peeled(found)


def peeled(found: Mapping[str, str]) -> Mapping[str, GitTag]:
    """Tags by their name, from what git says of each: its object, and in a second line where an annotated one leads to."""
    return {
        name: GitTag(found.get(name + _PEELED, at), at)
        for name, at in found.items()
        if not name.endswith(_PEELED)
    }


def parse_for_each_ref(repository: RepositoryId, output: bytes, prefix: str = HEADS) -> Refs:
    """Reads `git for-each-ref --format=FORMAT`; branches are the refs below `prefix`."""
    branches: dict[str, str] = {}
    others: dict[str, str] = {}
    head = None
    lines = _lines(output)
    for line in lines:
        found = _FOR_EACH_REF.fullmatch(line)
        if found is None:
            raise _not_understood(repository, line)
        commit, star, ref = found.groups()
        if ref.startswith(prefix):
            branches[ref[len(prefix) :]] = commit
            head = ref[len(prefix) :] if star == "*" else head
        else:
            others[ref] = commit
    pulls = {ref.removeprefix(POLL_PULLS): commit for ref, commit in others.items()}
    return Refs(branches, head, others.get(POLL_HEAD), len(lines), others.get(POLL_DEFAULT), others=pulls)


def is_pull(ref: str) -> bool:
    """Whether a ref is one that a forge keeps for a pull request."""
    return _PULL.fullmatch(ref) is not None


def full_ref(name: str) -> str:
    """The ref that `Git.fetch` means by a name: a branch's, or that of a tag or a pull request that is given in full."""
    return name if name.startswith(TAGS) or is_pull(name) else f"{HEADS}{name}"


def kept_prefix(environment: EnvironmentId) -> str:
    """What the refs of our own begin with that keep an environment's commits."""
    return f"{KEPT}{ref_part(environment.component)}/"


def ref_part(part: str) -> str:
    """A part of such a ref's name; UsageError where it cannot be one."""
    if _PART.fullmatch(part) is None:
        raise UsageError(f"{ref_component(part)[:80]} cannot be part of a ref's name.")
    return part


def poll_refspecs(
    patterns: Iterable[str], default_branch: str, tags: Iterable[str] = (), refs: Iterable[str] = ()
) -> list[str]:
    """Refspecs for a poll that the server filters: what may match, HEAD, the default branch, and some refs in full.

    A server filters by prefix only, so a pattern counts as far as its first `*`.
    """
    return [
        *(f"+{HEADS}{prefix}*:{POLL_HEADS}{prefix}*" for prefix in _prefixes(patterns)),
        *(f"+{TAGS}{prefix}*:{POLL_TAGS}{prefix}*" for prefix in _prefixes(tags)),
        # With a `*`, as a ref that is not there would else spoil the fetch of all.
        *(f"+{ref}*:{_polled(ref)}*" for ref in refs),
        f"+HEAD:{POLL_HEAD}",
        f"+{HEADS}{default_branch}:{POLL_DEFAULT}",
    ]


def _polled(ref: str) -> str:
    return POLL_HEADS + ref.removeprefix(HEADS) if ref.startswith(HEADS) else POLL_PULLS + ref


def _prefixes(patterns: Iterable[str]) -> list[str]:
    return sorted({_prefix(pattern) for pattern in patterns if not pattern.startswith(EXCLUDES)})


def _prefix(pattern: str) -> str:
    """The pattern as far as it is literal and may stand in a ref's name."""
    found = _NOT_IN_A_REF.search(HEADS + pattern, len(HEADS) - 1)  # from the slash: `//` and `/.` begin there
    return pattern[: max(0, found.start() - len(HEADS))] if found else pattern


def _matching(refs: Mapping[str, T], patterns: Sequence[str]) -> dict[str, T]:
    if not patterns:
        return {}
    matches = _matcher(tuple(patterns))
    return {name: at for name, at in refs.items() if matches(name) and (name.isascii() or _is_text(name))}


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """As `names.matches_any`, compiled once: a pass asks it for every branch of every repository."""
    wanted = _expression(pattern for pattern in patterns if not pattern.startswith(EXCLUDES))
    excluded = _expression(p.removeprefix(EXCLUDES) for p in patterns if p.startswith(EXCLUDES))
    return re.compile(rf"(?!(?:{excluded})\Z)(?:{wanted})", re.DOTALL).fullmatch


def _expression(patterns: Iterable[str]) -> str:
    """One for whatever any of the patterns matches; without a pattern it matches nothing."""
    alternatives = (".*".join(re.escape(piece) for piece in pattern.split("*")) for pattern in patterns)
    return "|".join(f"(?:{a})" for a in alternatives) or r"(?!)"


def _is_text(branch: str) -> bool:
    return _NOT_UTF_8.search(branch) is None


def _lines(output: bytes) -> list[str]:
    """Lines end in a line feed and nothing else: names may hold what else Python takes for an end."""
    return output.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n") if output else []


def _not_understood(repository: RepositoryId, line: str) -> Transient:
    return Transient(
        f"Repository {repository}: the answer contains a line that is not a ref: {ref_component(line)[:100]}"
    )
