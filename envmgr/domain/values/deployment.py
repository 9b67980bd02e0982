"""The code that runs in an environment, beside its infrastructure: what is wanted, and what was done."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal

from .digest import digest
from .health import HealthCheck
from .names import matches_any
from .step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRules:
    """How an environment's code comes to run, how it ends, and what says that it runs."""

    steps: tuple[Step, ...] = ()
    on_destroy: tuple[Step, ...] = ()
    health: HealthCheck | None = None
    on_unhealthy: Literal["keep", "previous"] = "keep"

    @property
    def digest(self) -> str:
        """What decides whether there is something to deploy or to ask; empty where there is nothing."""
        if not self.steps and self.health is None:
            return ""
        return digest([[asdict(step) for step in self.steps], self.health and asdict(self.health)])


@dataclass(frozen=True, slots=True)
class WayBack:
    """A way back to the last healthy commit that failed, so many times in a row: `why`, and when it is tried again.

    `retry_at` is None where only a person helps.
    """

    failures: int
    why: str
    retry_at: datetime | None

    def __str__(self) -> str:
        again = (
            f"That is tried again at {self.retry_at:%Y-%m-%d %H:%M:%S} UTC."
            if self.retry_at
            else "That is not tried again by itself: fix it, then push, or use `envmgr rollback`."
        )
        return f"The last healthy commit could not be brought back: {self.why} {again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What of an environment's code runs.

    `commit` was deployed last with success, by the rules with the digest `rules` and after the apply (its run)
    `after`; `apply` is the last one there was. `healthy_commit` is the last commit that was deployed and
    healthy. `ended` says that the steps before a destroy were run, so that nothing of it runs any more. `begun` are the
    marks of steps that were begun since the last success, whichever commit's and whatever for: what they came to is
    not known, so it is not what `commit` says either. `back` is a way back from it that failed.
    """

    commit: str | None = None
    rules: str = ""
    apply: int | None = None
    after: int | None = None
    healthy_commit: str | None = None
    ended: bool = False
    begun: tuple[str, ...] = ()
    back: WayBack | None = None

    @property
    def known_commit(self) -> str | None:
        """The commit that surely runs, and nothing else; None where steps began that did not all come to their end."""
        return None if self.begun else self.commit

    def beginning(self, steps: Iterable[Step]) -> "Deployment":
        """The same while steps run: until all have come to their end, what they touch is unknown."""
        return replace(self, begun=tuple(sorted({*self.begun, *map(mark, steps)})))

    def is_of(self, commit: str, rules: str) -> bool:
        """Whether a commit is what runs, by these rules, in the infrastructure that there is now."""
        runs = (self.commit, self.rules, self.after) == (commit, rules, self.apply)
        return runs and not self.ended and not self.begun


def mark(step: Step) -> str:
    """What tells a step from another, and from what it was before it was edited."""
    return digest(asdict(step))[:16]


def due(
    rules: DeployRules, before: Deployment, commit: str, digest: str, changed: Collection[str] | None
) -> tuple[Step, ...]:
    """The steps to run so that a commit comes to run by rules with a digest; none where it does already.

    What began since the last success and did not come to its end is run again, whatever else it depends on; all is,
    where what began is none of these steps.
    `changed` are the files in which the commit differs from the one that runs; None where that is not known.
    """
    if before.is_of(commit, digest):
        return ()
    anew = before.commit is None or before.ended or before.rules != digest
    anew = anew or not {mark(step) for step in rules.steps}.issuperset(
        before.begun
    )  # of other rules, or an end
    infrastructure, code = anew or before.apply != before.after, anew or before.commit != commit
    return tuple(
        step
        for step in rules.steps
        if mark(step) in before.begun
        or (
            {"always": True, "infrastructure": infrastructure, "code": code}[step.when]
            and (anew or not step.paths or _touches(step.paths, changed))
        )
    )


def _touches(patterns: tuple[str, ...], changed: Collection[str] | None) -> bool:
    """Whether a file fits one of the patterns and none excludes it; one that ends in `/` means all below a folder."""
    if changed is None:
        return True
    whole = tuple(f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns)
    return any(matches_any(path, whole) for path in changed)
