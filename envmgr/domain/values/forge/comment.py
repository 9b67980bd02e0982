"""Comments of a pull request."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .people import ForgePerson


class CommentSign(StrEnum):
    """How a list of pull requests tells that one of them has a new comment: by its time, by how many it has, or not at all."""

    TIME = "time"
    COUNT = "count"
    NOWHERE = "nowhere"


class Reaction(StrEnum):
    """How a comment is answered at once, where the forge has reactions."""

    SEEN = "seen"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of the pull request as such, not of a line of its code; `text` is as it was typed.

    `id` is the forge's, of whatever form, and rises with each newer comment where they are compared by (`at`, `id`).
    """

    id: str
    author: ForgePerson
    text: str
    at: datetime
    is_edited: bool = False
    is_reply: bool = False
