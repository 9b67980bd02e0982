"""What may be done to an environment on its page: which buttons there are, and what is asked before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from envmgr.domain.rules.access.held import is_held
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import AT_WORK, Environment, Guard, Status

from .listing import needs_person

MayDo = Callable[[Action], bool]
"""Whether the visitor may do something here."""

_LABELS = {
    Action.PLAN: "Plan",
    Action.APPLY: "Apply",
    Action.DRIFT: "Check drift",
    Action.CANCEL: "Cancel what runs",
    Action.APPROVE: "Approve",
    Action.REJECT: "Reject",
    Action.RESUME: "Resume",
    Action.SUSPEND: "Suspend",
    Action.EXTEND: "Extend",
    Action.ROLLBACK: "Roll back",
    Action.PROMOTE: "Promote",
    Action.DESTROY: "Destroy",
}
ASKED_FIRST = (
    Action.APPLY,
    Action.APPROVE,
    Action.CANCEL,
    Action.REJECT,
    Action.SUSPEND,
    Action.EXTEND,
    Action.ROLLBACK,
    Action.PROMOTE,
    Action.DESTROY,
)
"""What has a page of its own that says what will happen, before it is asked for."""


@dataclass(frozen=True, slots=True)
class Button:
    """Something that may be done."""

    action: Action
    is_main: bool = False

    @property
    def verb(self) -> str:
        """Its name in addresses."""
        return self.action.value

    @property
    def label(self) -> str:
        """Its words."""
        return _LABELS[self.action]

    @property
    def asks(self) -> bool:
        """Whether a page of its own asks first."""
        return self.action in ASKED_FIRST

    @property
    def is_dangerous(self) -> bool:
        """Whether it takes something away."""
        return self.action is Action.DESTROY


@dataclass(frozen=True, slots=True)
class Attention:
    """What a person has to decide: what it is about, what comes of it, and what she may do."""

    title: str
    then: str
    actions: Sequence[Button] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """Something to fill in before it is done."""

    name: str
    label: str
    value: str = ""
    is_needed: bool = True
    is_check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before something is done: what will happen, and what is to be filled in.

    `seen` is the commit that the visitor saw: where the branch points elsewhere by then, it is refused, and so is a yes or
    no to something else than what was `held`. `waiting` are the records of which that is said. `key` has it done
    once, however often the form is sent.
    """

    id: str
    verb: str
    title: str
    button: str
    sentences: Sequence[str]
    waiting: Sequence[Environment] = ()
    resources: Sequence[tuple[str, Sequence[str]]] = ()
    fields: Sequence[Field] = ()
    is_dangerous: bool = False
    seen: str = ""
    held: str = ""
    key: str = ""
    problem: str = ""

    @property
    def may_be_planned(self) -> bool:
        """Whether its plan can be looked at before."""
        return self.verb in (Action.APPLY, Action.DESTROY)


@dataclass(frozen=True, slots=True)
class _Words:
    """How a question is put; `{name}` stands for the environment."""

    title: str
    button: str
    sentences: tuple[str, ...]
    fields: tuple[Field, ...] = ()


_DURATION = Field("duration", "For how long from now, such as 8h or 3d", "1d")
_REBUILD = Field(
    "rebuild", "Build the commit anew, though it was built before", "yes", is_needed=False, is_check=True
)
NAME = Field("name", "Type the environment's name to confirm")
"""What keeps somebody from destroying another one than she means."""
_WORDS = {
    Action.APPLY: _Words(
        "Apply {name}?",
        "Apply",
        (
            "Its newest commit is planned and applied now, and deployed where it is to be.",
            "The plan passes the same gates as ever; nothing is applied that they refuse.",
        ),
    ),
    Action.SUSPEND: _Words(
        "Suspend {name}?",
        "Suspend",
        (
            "It is left alone: no push changes it, and its end of life does not come.",
            "What it has keeps running, and costing, until somebody resumes it.",
            "A run that is under way goes on to its end.",
        ),
        (Field("reason", "Why (shown wherever it is)", is_needed=False),),
    ),
    Action.CANCEL: _Words(
        "Cancel what runs for {name}?",
        "Cancel it",
        (
            "Terraform, or the step that runs, is asked to stop: it finishes what it is doing and writes its state.",
            "It is not begun again until somebody pushes or resumes it.",
        ),
    ),
    Action.REJECT: _Words(
        "Reject the plan of {name}?",
        "Reject",
        (
            "The plan that waits is not applied, whoever has approved it.",
            "A push, a newer tag, or an apply by hand brings a new plan.",
        ),
        (Field("reason", "Why (shown wherever it is)", is_needed=False),),
    ),
    Action.EXTEND: _Words(
        "Extend the life of {name}?",
        "Extend",
        ("Its end is moved away, as far as the repository's rules allow. It is never moved nearer.",),
        (_DURATION,),
    ),
    Action.ROLLBACK: _Words(
        "Roll {name} back?",
        "Roll back",
        (
            "An earlier commit is planned, applied and deployed.",
            "It is held there, whatever is pushed, until somebody resumes it.",
        ),
        (Field("to", "To which commit, or “previous”", "previous"),),
    ),
    Action.PROMOTE: _Words(
        "Promote what {name} has?",
        "Promote",
        (
            "The commit that it has is planned, applied and deployed in the other environment, by the rules of that one.",
            "It is held there until the next push or tag, or until somebody resumes it.",
        ),
        (Field("to", "To which environment"),),
    ),
    Action.DESTROY: _Words(
        "Destroy {name}?",
        "Destroy it",
        (
            "Everything below is destroyed with the code that was last applied. That cannot be undone.",
            "Steps before a destroy run first. Afterwards it is verified that nothing is left, and the state is archived.",
            "Where the branch is still there, the environment is suspended then: resuming it makes it anew.",
        ),
        (NAME,),
    ),
}
_AFTER_GUARD = {
    Guard.MASS_DESTROY: "Too many environments were about to be destroyed at once. If you approve, this one is destroyed.",
    Guard.HISTORY: "The repository shows another history than before. If you approve, that is accepted as it is now, and this environment is destroyed.",
    Guard.LIMIT: "The limit of environments is reached. If you approve, this one is created all the same.",
    Guard.APPROVAL: "If enough people approve, just this plan is applied; another one would be asked for anew.",
    Guard.DRIFT: "Correcting its drift would delete something. If you approve, the drift is corrected.",
    Guard.TAG: "Its tag was moved, or is gone. If you approve, it gets what the message names.",
}
_NAMED_HISTORY = "The repository shows another history than before. If you approve, that is accepted as it is now, and followed."


def attention(records: Sequence[Environment], may: MayDo) -> Attention | None:
    """What waits for a person; None where nothing does."""
    held = next(filter(is_held, records), None)
    if held is not None and held.hold.guard is not None:
        is_followed = held.hold.guard is Guard.HISTORY and held.origin.is_named
        then = _NAMED_HISTORY if is_followed else _AFTER_GUARD[held.hold.guard]
        if not may(Action.APPROVE):
            return Attention("Waits for approval", f"{then} That takes the role approver.")
        may_be_rejected = held.hold.guard is Guard.APPROVAL
        rejects = [Button(Action.REJECT)] if may_be_rejected and may(Action.REJECT) else []
        return Attention("Waits for your approval", then, [Button(Action.APPROVE, is_main=True), *rejects])
    if any(needs_person(e) for e in records):
        actions = [Button(Action.RESUME, is_main=True)] if may(Action.RESUME) else []
        then = "It is not tried again by itself: mend the cause and push, or resume it to try once more."
        return Attention("Failed, and needs a person", then, actions)
    return None


def buttons(records: Sequence[Environment], may: MayDo) -> list[Button]:
    """What else the visitor may do with it as it stands, what takes things away last."""
    if all(not e.is_open for e in records):
        return []
    return [Button(action) for action in _LABELS if may(action) and _makes_sense(action, records)]


def _makes_sense(action: Action, records: Sequence[Environment]) -> bool:
    return any(_SENSE[action](each) for each in records)


_SENSE: Mapping[Action, Callable[[Environment], bool]] = {
    Action.PLAN: lambda e: e.status is not Status.DESTROYING,
    Action.APPLY: lambda e: e.status is not Status.DESTROYING,
    Action.DRIFT: lambda e: e.claim is not None,
    Action.CANCEL: lambda e: e.status in AT_WORK,
    Action.REJECT: lambda _: False,
    Action.APPROVE: lambda _: False,  # where it may be approved, that stands at the top
    Action.RESUME: lambda e: e.suspended is not None or e.pinned_commit is not None,
    Action.SUSPEND: lambda e: e.suspended is None,
    Action.EXTEND: lambda e: e.life.expires_at is not None,
    Action.ROLLBACK: lambda e: e.applied.commit is not None,
    Action.PROMOTE: lambda e: e.origin.is_named and e.applied.commit is not None,
    Action.DESTROY: lambda e: e.claim is not None,
}


def question(
    action: Action,
    records: Sequence[Environment],
    key: str,
    problem: str = "",
    *,
    builds: bool = False,
    held: str = "",
) -> Question:
    """What is asked before an action of `ASKED_FIRST`; where its repository `builds`, whether to do that anew.

    `held` stands for what waits for a yes, as it is shown.
    """
    words, name = _words(action, records), str(records[0].id.environment)
    destroys, is_word = action is Action.DESTROY, action in (Action.APPROVE, Action.REJECT)
    return Question(
        id=name,
        verb=action.value,
        title=words.title.format(name=name),
        button=words.button,
        sentences=words.sentences,
        waiting=list(filter(is_held, records)) if is_word else (),
        resources=[(e.id.application, e.applied.resources) for e in records] if destroys else (),
        fields=(*words.fields, *((_REBUILD,) if builds and action is Action.APPLY else ())),
        is_dangerous=destroys,
        seen=records[0].commit,
        held=held if is_word else "",
        key=key,
        problem=problem,
    )


def _words(action: Action, records: Sequence[Environment]) -> _Words:
    if action is not Action.APPROVE:
        return _WORDS[action]
    guards = sorted({e.hold.guard for e in records if e.hold.guard})
    return _Words("Approve {name}?", "Approve", tuple(_AFTER_GUARD[guard] for guard in guards))
