"""Whether a commit may come to an environment: only once those that it comes after had it ready, and their tests passed."""

from collections.abc import Sequence
from dataclasses import dataclass

from envmgr.domain.values.environment import Environment, OriginKind, Waits, WaitsFor
from envmgr.domain.values.names import ref_component
from envmgr.domain.values.pipeline.release import Release
from envmgr.domain.values.policy import Awaited


@dataclass(frozen=True, slots=True)
class Stage:
    """An environment that another comes after: its open records, and what is known of the commit in each of its applications."""

    name: str
    records: Sequence[Environment]
    releases: Sequence[Release | None]

    @property
    def had_it(self) -> bool:
        """Whether all of the commit was ready here, with its tests passed."""
        return bool(self.releases) and all(each is not None and each.has_passed for each in self.releases)


def awaited(environment: Environment, commit: str, stages: Sequence[Stage]) -> Awaited | None:
    """What a commit has to wait for before it comes to an environment; None where it waits for nothing."""
    unmet = [stage for stage in stages if not stage.had_it]
    return _awaited(environment, commit, unmet[0]) if unmet else None


def _awaited(environment: Environment, commit: str, stage: Stage) -> Awaited:
    what, name, at = _shown(environment, commit), stage.name, commit[:10]
    there = next((e for e in stage.records if e.target != commit), next(iter(stage.records), None))
    ready = [each.ready_at for each in stage.releases if each is not None]
    if there is None:
        return _waits(stage, commit, "missing", f"{what} waits for {name}, which is not there yet.")
    if len(ready) == len(stage.releases):
        since = f"{what} is in {name} since {max(ready):%Y-%m-%d %H:%M} UTC"
        if _have_failed(stage, commit):
            return _waits(stage, commit, "tests failed", f"{since}, but its tests failed.", is_stuck=True)
        return _waits(stage, commit, "tests", f"{since}, its tests run.")
    if there.target == commit:
        is_stuck = there.failure.count > 0
        said = f": {there.message}" if is_stuck and there.message else "."
        state = "failed" if is_stuck else f"is {there.status}"
        told = f"{what} waits for {name} to have it ready, which {state}{said}"
        return _waits(stage, commit, there.status, told, is_stuck=is_stuck)
    said = (
        f"{what} was never ready in {name}, which is to have {there.target[:10]}: release a commit that it had, or "
        f"`envmgr rollback {there.id.environment} --to {at}` has it there first."
    )
    return _waits(stage, commit, "elsewhere", said, is_stuck=True)


def _waits(stage: Stage, commit: str, state: str, said: str, *, is_stuck: bool = False) -> Awaited:
    return Awaited(said, Waits(WaitsFor.AFTER, (stage.name, state, commit)), is_stuck)


def _have_failed(stage: Stage, commit: str) -> bool:
    return any(
        e.tests is not None and e.tests.commit == commit and not e.tests.have_passed for e in stage.records
    )


def _shown(environment: Environment, commit: str) -> str:
    is_tag = environment.origin.kind is OriginKind.TAG and environment.commit == commit
    return f"{ref_component(environment.branch)} ({commit[:10]})" if is_tag else commit[:10]
