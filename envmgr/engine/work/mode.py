"""How a piece of work is done: decided before it begins, and the same to its end.

Each mode is a class that takes just what it needs, so that no combination can be made that nobody meant: only a
person's work is asked about, only an apply by hand imports, only a look for drift may delete nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from .planned import Planned

if TYPE_CHECKING:
    from .job import Job

Confirm = Callable[["Job", Planned], bool]
"""Asks, with what was planned, whether it is wanted."""

# Nobody waits for a check for drift: applies come first on a busy host.
_NICENESS = 10


def _never() -> bool:
    return False


def _is_wanted(_job: "Job", _planned: Planned) -> bool:
    return True


def _nobody(_duration: timedelta) -> None:
    return None


class Verb(StrEnum):
    """What a person does by hand; its name is what the lease says."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    ADOPT = "adopt"
    DRIFT = "drift"
    UNLOCK = "unlock"
    MOVE_STATE = "move-state"
    CANCEL = "cancel"


_CHANGING = frozenset({Verb.APPLY, Verb.DESTROY, Verb.ROLLBACK, Verb.PROMOTE, Verb.ADOPT})
_TENTATIVE = frozenset({Verb.ROLLBACK, Verb.PROMOTE, Verb.ADOPT})


class Mode:
    """What is asked of any mode, and what holds where one does not say otherwise: nobody is there to be asked."""

    __slots__ = ()

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        raise NotImplementedError

    @property
    def is_by_hand(self) -> bool:
        """Whether it is a person's: never superseded by a push, and a new life begins with it."""
        return False

    @property
    def may_delete(self) -> bool:
        """Whether an apply may delete or replace anything."""
        return True

    @property
    def may_import(self) -> bool:
        """Whether an apply may take in what carries nobody's tags."""
        return False

    @property
    def rebuilds(self) -> bool:
        """Whether what was built of the commit before does not count."""
        return False

    @property
    def may_have_changed(self) -> bool:
        """Whether a failure is the environment's."""
        return True

    @property
    def leaves_code(self) -> bool:
        """Whether a destroy leaves out the steps before it."""
        return False

    @property
    def is_tentative(self) -> bool:
        """Whether a failure leaves all as it was, until the work has said that it goes ahead."""
        return False

    @property
    def reads_plans(self) -> bool:
        """Whether each plan that changes something is read: a person is shown it, or what it deletes decides."""
        return self.is_by_hand or not self.may_delete

    @property
    def niceness(self) -> int:
        """By how much its Terraform yields to other processes."""
        return 0

    @property
    def takes_place(self) -> int | None:
        """How many places its organization has, where it needs one of these."""
        return None

    def gives_way(self) -> bool:
        """Whether something more urgent waits for it to end."""
        return False

    def tell_quiet(self, duration: timedelta) -> None:
        """Is told for how long nothing has moved."""

    def confirms(self, job: "Job", planned: Planned) -> bool:
        """Whether what was planned is to be done."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling(Mode):
    """Bringing an environment to what its branch, its schedule and its end of life want.

    `asked` says that a person named it, so that no pause holds it up. `on_quiet` is told for how long nothing moves.
    `places` is how many environments of its organization may be worked on at once, on all hosts together.
    """

    asked: bool = False
    places: int | None = None
    on_quiet: Callable[[timedelta], None] = _nobody

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        return "reconcile"

    @property
    def takes_place(self) -> int | None:
        """How many places its organization has, where it needs one of these."""
        return self.places

    def tell_quiet(self, duration: timedelta) -> None:
        """Is told for how long nothing has moved."""
        self.on_quiet(duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting(Mode):
    """Only waiting until an environment is healthy, for as long as nothing is `urgent`."""

    urgent: Callable[[], bool] = _never

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        return "reconcile"

    def gives_way(self) -> bool:
        """Whether something more urgent waits for it to end."""
        return self.urgent()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckingHealth(Mode):
    """Asking in the background whether an environment is well: nothing is lost where that ends early."""

    urgent: Callable[[], bool]

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        return "health check"

    def gives_way(self) -> bool:
        """Whether something more urgent waits for it to end."""
        return self.urgent()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckingDrift(Mode):
    """Looking for drift in the background, and its correction: it deletes nothing, and gives way to all else."""

    urgent: Callable[[], bool]

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        return "drift check"

    @property
    def may_delete(self) -> bool:
        """It may not: somebody may need what was changed by hand, so that a person decides."""
        return False

    @property
    def niceness(self) -> int:
        """By how much its Terraform yields to other processes."""
        return _NICENESS

    def gives_way(self) -> bool:
        """Whether something more urgent waits for it to end."""
        return self.urgent()


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand(Mode):
    """What a person does: `confirm` is asked, with what was planned, before anything is changed.

    Work that `serves_an_end` may be done where the repository is in the configuration no more. With `built_anew` what
    was built of the commit before does not count.
    """

    verb: Verb
    confirm: Confirm = _is_wanted
    serves_an_end: bool = False
    built_anew: bool = False

    @property
    def purpose(self) -> str:
        """What the lease is held for."""
        return str(self.verb)

    @property
    def is_by_hand(self) -> bool:
        """It is a person's."""
        return True

    @property
    def rebuilds(self) -> bool:
        """Whether what was built of the commit before does not count."""
        return self.built_anew

    @property
    def is_tentative(self) -> bool:
        """Whether a failure leaves all as it was, until the work has said that it goes ahead."""
        return self.verb in _TENTATIVE

    @property
    def may_have_changed(self) -> bool:
        """Whether a failure is the environment's: a plan or a look that fails has changed nothing."""
        return self.verb in _CHANGING

    def confirms(self, job: "Job", planned: Planned) -> bool:
        """Whether the person wants what was planned."""
        return self.confirm(job, planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyByHand(ByHand):
    """An apply by a person, who may have said that it `imports`."""

    verb: Verb = Verb.APPLY
    imports: bool = False

    @property
    def may_import(self) -> bool:
        """Whether an apply may take in what carries nobody's tags."""
        return self.imports


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyByHand(ByHand):
    """A destroy by a person, who may have said that it `skips_steps` before it."""

    verb: Verb = Verb.DESTROY
    serves_an_end: bool = True
    skips_steps: bool = False

    @property
    def leaves_code(self) -> bool:
        """Whether a destroy leaves out the steps before it."""
        return self.skips_steps
