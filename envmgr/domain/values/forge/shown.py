"""What the one comment of a pull request shows, before it is made a text of."""

from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.environment import Changes
from envmgr.domain.values.pipeline.proposal import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentStyle:
    """What a forge takes: `longest` is how many characters, `folds` whether `<details>` is shown folded, `hides` whether `<!-- … -->` is not shown at all."""

    longest: int = 65_536
    folds: bool = True
    hides: bool = True


@dataclass(frozen=True, slots=True)
class ResourceShown:
    """What a plan does with one resource, in one of Terraform's words."""

    address: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanShown:
    """A plan of a commit: what it would do, or (`is_applied`) did. `log` is where all of it can be read, empty where nowhere.

    `resources` may be fewer than `changes` count, and none where they are not known.
    """

    commit: str
    is_applied: bool
    changes: Changes
    resources: tuple[ResourceShown, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalShown:
    """Who has said yes to a plan, how many have to, and of which role they must be; `plan` is by what a command names it."""

    by: tuple[str, ...]
    needed: int
    role: str
    until: datetime
    plan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentShown:
    """An environment, or an application of it, as a row of the table and what is told below that.

    `status` is its word, `sentence` why it is so, `page` where to read on, `ends` when its life ends.
    """

    label: str
    status: str
    sentence: str = ""
    url: str = ""
    page: str = ""
    commit: str = ""
    ends: datetime | None = None
    plan: PlanShown | None = None
    checks: tuple[Checked, ...] = ()
    approval: ApprovalShown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShown:
    """What became of a command in a comment: `by` whom it was given, how it stands (`status`), and the sentence to answer with."""

    verb: str
    by: str
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestShown:
    """All that the comment of a pull request tells.

    `why` is what is to be said of it as such, such as why it has no environment. `mark` is how the comment is found
    again. `commands`: it may be answered by commands; `answers` is what became of the last ones, newest last.
    """

    environments: tuple[EnvironmentShown, ...]
    why: str
    mark: str
    commands: bool
    now: datetime
    answers: tuple[AnswerShown, ...] = ()
