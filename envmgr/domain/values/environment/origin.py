"""What an environment comes from."""

from dataclasses import dataclass
from enum import StrEnum

from envmgr.domain.values.origins.git_tag import TAGS


class OriginKind(StrEnum):
    """The kinds of things that an environment follows."""

    BRANCH = "branch"
    TAG = "tag"
    PULL_REQUEST = "pull_request"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an environment comes from: a branch, a tag or a pull request, whose name is the record's `branch`.

    `is_named`: the configuration gives the environment its name, so it does not go as what it follows goes. `number`
    and `url` are a pull request's; `ref` is the git ref of its head where that is no branch of this repository, but a fork's.
    """

    kind: OriginKind = OriginKind.BRANCH
    is_named: bool = False
    number: int | None = None
    url: str | None = None
    ref: str | None = None

    @property
    def follows_pattern(self) -> bool:
        """Whether it is a branch's that has an environment by a pattern, as most are."""
        return self.kind is OriginKind.BRANCH and not self.is_named


def ref_of(origin: Origin, name: str) -> str:
    """What git finds it by: a branch's name, or in full a tag, or a pull request's own ref."""
    return f"{TAGS}{name}" if origin.kind is OriginKind.TAG else origin.ref or name


FROM_BRANCH = Origin()
"""What most environments come from: a branch that matches a pattern."""
