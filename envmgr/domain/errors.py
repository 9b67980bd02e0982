"""Errors that carry how they are to be handled, not where they came from.

A message is one sentence for the person who sees it: what happened, where, what to do.
"""

from datetime import timedelta


class EnvmgrError(Exception):
    """Any failure that envmgr foresees; `str()` of it is the sentence to show, `continued` how it goes on after a colon."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").partition("\n")[0])
        self.continued = str(self)


class NeedsPerson(EnvmgrError):
    """Trying again changes nothing: a person must change a file, a branch or a permission first."""


class NeedsOperator(NeedsPerson):
    """A person must mend what no commit tells of: this host, a remote, a limit; so it is looked at again once an hour."""


class Transient(EnvmgrError):
    """May pass by itself; to be tried again with growing delays."""


class StoreAway(Transient):
    """The database of the records cannot be used at all for now, whoever asks for what."""


class NotHere(Transient):
    """A commit that the local mirror does not have (yet, or any more)."""


class Refused(NeedsPerson):
    """A cloud refuses what was asked: a permission or a thing is missing, or too new to be known everywhere there."""


class PlaceMissing(NeedsPerson):
    """The container, bucket or folder of a state store is not there."""


class StepFailed(Transient):
    """A step of the branch did not do its work; it will be tried again with growing delays."""


class RetryLater(EnvmgrError):
    """Nothing is wrong, only busy; `after` says when to look again."""

    def __init__(self, message: str = "", after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(message)
        self.after = after


class LeaseLost(RetryLater):
    """Another process took over this environment; what this one still wanted to write is refused."""


class EnvironmentBusy(RetryLater):
    """Another process works on this environment; the message names it."""


class NoPlace(EnvironmentBusy):
    """As many environments of its organization as may be are worked on already, on whatever hosts."""


class UsageError(EnvmgrError):
    """What was typed or configured cannot be understood (exit code 2)."""


class NotThere(UsageError):
    """There is nothing of that name, or nothing that whoever asks may know of."""


class MeansAnother(UsageError):
    """What somebody calls this wish is the name of another one of hers: each needs its own."""


class Forbidden(EnvmgrError):
    """Whoever asks may see it, and not do that; `needed` is the role that may."""

    def __init__(self, message: str = "", needed: str = "") -> None:
        super().__init__(message)
        self.needed = needed


class StalePlan(RetryLater):
    """The state has changed since the plan was made; it must be planned again."""


class StateLocked(RetryLater):
    """Somebody holds the lock of this environment's Terraform state."""

    def __init__(self, message: str = "") -> None:
        # Each look costs a run and a Terraform, and a lock that nobody gives back waits for a person.
        super().__init__(message, after=timedelta(seconds=30))


class Interrupted(RetryLater):
    """The work was stopped before its end, because envmgr is stopping."""
