"""From a branch to names: the environment, its state key, its resource group."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .shown.unseen import as_escape, is_unseen

MAX_NAME = 32
EXCLUDES = "!"
"""What a pattern begins with that takes away from what the others match."""
COMMIT = r"[0-9a-f]{40}([0-9a-f]{24})?"
"""How git names a commit, or another object, in full."""
_HASH = 6
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HASHED = re.compile(r"-[0-9a-f]{6}$")
"""The end of a name that has a branch's hash; a branch that is called so itself gets its own hash too."""
_STATE, _KEPT, _BY_HAND = "terraform.tfstate", "envmgr-kept.zip", "envmgr-by-hand"
_PART = r"([a-z0-9-]+)"
_OURS = "|".join(re.escape(name) for name in (_STATE, _KEPT, _BY_HAND))
_KEY = re.compile(rf"{_PART}/{_PART}/{_PART}(?:/{_PART})?/(?:{_OURS})")


@dataclass(frozen=True, order=True, slots=True)
class RepositoryId:
    """A repository within an organization; both are `[a-z0-9-]+`."""

    organization: str
    name: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.name}"

    @property
    def place(self) -> tuple[str, str]:
        """Where an event is that is of all of it."""
        return self.organization, self.name


@dataclass(frozen=True, order=True, slots=True)
class EnvironmentId:
    """What an environment is known by everywhere: organization, repository and its own name.

    Where a repository lists several applications, each has a record of its own: `application` is its name,
    empty where there are none.
    """

    organization: str
    repository: str
    name: str
    application: str = ""

    def __str__(self) -> str:
        return f"{self.organization}/{self.short}"

    @property
    def short(self) -> str:
        """Without the organization: `shop/alice`, of an application `shop/alice:api`."""
        application = f":{self.application}" if self.application else ""
        return f"{self.repository}/{self.name}{application}"

    @property
    def component(self) -> str:
        """A name for folders and refs within the repository's; no environment's folder is inside another's."""
        return f"{self.name}+{self.application}" if self.application else self.name

    @property
    def environment(self) -> "EnvironmentId":
        """The environment that this is, or is an application of."""
        return EnvironmentId(self.organization, self.repository, self.name) if self.application else self

    @property
    def repository_id(self) -> RepositoryId:
        """The repository that this environment's branch lives in."""
        return RepositoryId(self.organization, self.repository)

    @property
    def state_key(self) -> str:
        """Where its Terraform state is kept within the organization's backend."""
        return f"{self._place}/{_STATE}"

    @property
    def kept_key(self) -> str:
        """Where what its destroy needs is kept, beside the state."""
        return f"{self._place}/{_KEPT}"

    @property
    def by_hand_key(self) -> str:
        """Where what people set of it is kept, beside the state."""
        return f"{self._place}/{_BY_HAND}"

    @property
    def _place(self) -> str:
        return str(self).replace(":", "/")

    @classmethod
    def parse(cls, text: str) -> "EnvironmentId":
        """Reads the `organization/repository/name` or `organization/repository/name:application` of `str()`."""
        organization, repository, rest = text.split("/")
        name, _, application = rest.partition(":")
        return cls(organization, repository, name, application)

    @classmethod
    def of_component(cls, repository: RepositoryId, component: str) -> "EnvironmentId":
        """Reads what `component` gave."""
        name, _, application = component.partition("+")
        return cls(repository.organization, repository.name, name, application)

    @classmethod
    def of_key(cls, key: str) -> "EnvironmentId | None":
        """Whose state, or what is kept beside it, a key names; None for the key of anything else."""
        found = _KEY.fullmatch(key)
        return cls(*(part or "" for part in found.groups())) if found else None


def matched_part(branch: str, pattern: str) -> tuple[str, ...] | None:
    """What each `*` of the pattern matched in the branch, or None where it does not match.

    `*` matches any run of characters, `/` too, and the first of several as little as it can. A pattern
    without `*` gives the whole branch name.
    """
    first, *pieces = pattern.split("*")
    if not pieces:
        return (branch,) if branch == pattern else None
    return _stars(branch, first, pieces[:-1], pieces[-1])


def _stars(branch: str, first: str, middle: list[str], last: str) -> tuple[str, ...] | None:
    """Finds each piece where it comes first: linear, where a regular expression may take minutes."""
    start, end = len(first), len(branch) - len(last)
    if start > end or not branch.startswith(first) or not branch.endswith(last):
        return None
    parts: list[str] = []
    for piece in middle:
        found = branch.find(piece, start, end)
        if found < 0:
            return None
        parts.append(branch[start:found])
        start = found + len(piece)
    return (*parts, branch[start:end])


def matches_any(branch: str, patterns: tuple[str, ...]) -> bool:
    """Whether at least one pattern matches the branch and none, wherever it stands, excludes it by a leading `!`."""
    return not excluding(branch, patterns) and any(
        matched_part(branch, pattern) is not None for pattern in patterns if not pattern.startswith(EXCLUDES)
    )


def excluding(branch: str, patterns: tuple[str, ...]) -> str | None:
    """The first pattern that excludes the branch, with its `!`; None where none does."""
    excluded = (pattern for pattern in patterns if pattern.startswith(EXCLUDES))
    return next((p for p in excluded if matched_part(branch, p.removeprefix(EXCLUDES)) is not None), None)


def is_name(text: str) -> bool:
    """Whether an environment may have this name, also one that an earlier release gave it."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def environment_name(branch: str, patterns: tuple[str, ...]) -> str | None:
    """The environment's name for a branch, by the first pattern that matches; None without a match or where one excludes it.

    The name is a slug `[a-z][a-z0-9-]*` of at most 32 characters that ends with no hyphen. Where making the slug lost
    something, six hex digits of the branch's SHA-256 are part of it, so that two branches
    do not share a name.
    """
    parts = _parts(branch, patterns)
    return None if parts is None else _slug("-".join(parts), branch, lossy=len(parts) > 1)


def _parts(branch: str, patterns: tuple[str, ...]) -> tuple[str, ...] | None:
    """What the first pattern that matches a branch matched of it."""
    if excluding(branch, patterns):
        return None
    wanted = (matched_part(branch, pattern) for pattern in patterns if not pattern.startswith(EXCLUDES))
    return next((parts for parts in wanted if parts is not None), None)


def known_names(branch: str, patterns: tuple[str, ...]) -> frozenset[str]:
    """The environment's name for a branch, and the one that earlier releases gave it: what exists keeps that one."""
    parts = _parts(branch, patterns)
    if parts is None:
        return frozenset()
    names = {_slug("-".join(parts), branch, lossy=len(parts) > 1)}
    if len(parts) == 1 and is_name(parts[0]):
        names.add(parts[0])
    return frozenset(names)


def branch_hash(branch: str) -> str:
    """Six hex digits that stand for a branch; stable across versions and hosts."""
    return hashlib.sha256(branch.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]


def _slug(part: str, branch: str, *, lossy: bool) -> str:
    # The shape of a name with a hash is no branch's own: it could take the name of another. A hyphen at the end makes
    # no DNS label.
    if not lossy and is_name(part) and not part.endswith("-") and not _HASHED.search(part):
        return part
    slug = re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"e-{slug}".rstrip("-")
    head = slug[: MAX_NAME - _HASH - 1].rstrip("-")
    return f"{head}-{branch_hash(branch)}"


def ref_component(branch: str) -> str:
    """The branch as people should see it: what nobody would see is shown as escapes, never raw."""
    if branch.isascii() and branch.isprintable():
        return branch
    return "".join(as_escape(c) if is_unseen(c) or not c.isprintable() else c for c in branch)


def counted_from(head: str, revision: str) -> str:
    """A revision that is counted from `HEAD` (or `@`) as counted from what a branch points at; any other as it is.

    A mirror has a `HEAD` as well, which is that of no branch in particular.
    """
    is_counted = re.split(r"[~^]", revision, maxsplit=1)[0] in ("HEAD", "@")
    return head + revision.removeprefix("HEAD").removeprefix("@") if is_counted else revision


def first(names: Sequence[str], most: int = 5, between: str = ", ", rest: str = " and {} more") -> str:
    """The first of some names in a sentence, and how many more there are: `a, b and 3 more`."""
    shown = between.join(names[:most])
    return shown if len(names) <= most else shown + rest.format(len(names) - most)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 repository`, `2 repositories`; without `many` an s is added."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
