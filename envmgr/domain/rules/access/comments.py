"""Commands in comments: what somebody means by one, and nothing else that is in it; pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.forge import Comment
from envmgr.domain.values.names import COMMIT
from envmgr.domain.values.pipeline.proposal import NAMED_BY

_COMMAND = re.compile(r"/envmgr(?:[ \t]+(.*))?")
_ARGUMENT = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_PLAN = re.compile(rf"[0-9a-f]{{{NAMED_BY}}}")
_COMMIT = re.compile(COMMIT)
_LONGEST = 500


class Verb(StrEnum):
    """What may be said in a comment."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    APPROVE = "approve"
    REJECT = "reject"
    EXTEND = "extend"
    SUSPEND = "suspend"
    RESUME = "resume"
    HELP = "help"

    @property
    def action(self) -> Action:
        """What it does; to ask for help it takes no more than to see."""
        return Action.SEE if self is Verb.HELP else Action(self.value)


VERBS = ", ".join(Verb)
"""All of them, for sentences."""


@dataclass(frozen=True, slots=True)
class Said:
    """A command: what is to be done, and with which one argument (empty: none)."""

    verb: Verb
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Something that begins as a command, and why it is none."""

    why: str


def command_in(comment: Comment) -> Said | Unclear | None:
    """The command of a comment; None where it has none, or is edited, a reply, or not a person's.

    It is the first line that is not blank, from its very beginning: quoted, indented or fenced it is somebody's example.
    """
    if comment.is_edited or comment.is_reply or comment.author.is_bot:
        return None
    line = next((each for each in comment.text.splitlines() if each.strip()), "").rstrip()
    if line.startswith("`") and line.endswith("`") and line.count("`") == 2:
        line = line[1:-1]  # as some forges put around what is pasted
    found = _COMMAND.fullmatch(line)
    return None if found is None else _read((found[1] or "")[:_LONGEST].split())


def is_commit(text: str) -> bool:
    """Whether a text is a commit's full name; a shorter one may be made to be another's, too."""
    return _COMMIT.fullmatch(text) is not None


def is_plan(text: str) -> bool:
    """Whether a text names a plan, by the digits with which its digest begins."""
    return _PLAN.fullmatch(text) is not None


def _read(words: list[str]) -> Said | Unclear:
    if not words:
        return Said(Verb.HELP)
    if words[0] not in list(map(str, Verb)):
        return Unclear(f"That is no command: these are {VERBS}.")
    verb, arguments = Verb(words[0]), words[1:]
    if not all(_ARGUMENT.fullmatch(each) for each in arguments):
        return Unclear(f"What follows {verb} has signs that are not taken here.")
    return _with(verb, arguments)


def _with(verb: Verb, arguments: list[str]) -> Said | Unclear:
    if verb is Verb.EXTEND:
        return Said(verb, arguments[0]) if len(arguments) == 1 else Unclear("Say for how long: extend 3d.")
    if verb in (Verb.APPROVE, Verb.REJECT) and len(arguments) == 1 and is_plan(arguments[0]):
        return Said(verb, arguments[0])
    if verb is Verb.APPROVE and arguments:
        if len(arguments) == 1 and is_commit(arguments[0]):
            return Said(verb, arguments[0])
        return Unclear(
            "Give the commit by its full name, of 40 digits, or the plan by its 12, and nothing else."
        )
    return Unclear(f"Nothing may follow {verb}.") if arguments else Said(verb)
