"""Testing what is healthy: running the tests, and what is recorded of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from envmgr.domain.errors import StepFailed
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.pipeline.testing import mark_of
from envmgr.domain.rules.transitions import tests
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.environment import RunKind, Status
from envmgr.domain.values.health import Condition
from envmgr.domain.values.names import counted
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.domain.values.step import Step
from envmgr.engine.source.steps import place_of
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.lineage import own_state
from envmgr.engine.work.newest import check_newest
from envmgr.engine.work.released import note_ready
from envmgr.ports import Place

from . import health
from .remarks import remark_now


class _NotPassed(StepFailed):
    """A test failed."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(_sentence(verdict))
        self.verdict = verdict


def run_tests(job: Job) -> None:
    """Runs all tests of what an environment has, and records what they say.

    One that fails does not keep the others from being run. Raises Superseded where something newer is wanted,
    Interrupted where envmgr stops: then they are run again.
    """
    commit = job.environment.applied.commit
    if commit is None:
        return
    note_ready(job, commit, passed=False)
    try:
        with job.run(RunKind.TEST, commit, Status.RUNNING, f"Tests {commit[:10]}.") as active:
            check_newest(job, commit, RunKind.TEST)
            verdict = _passed(job, active, commit)
            active.message = f"{counted(len(verdict.results), 'test')} passed."
            _settle(job, active, verdict)
    except _NotPassed as error:
        _give_up(job, error.verdict, is_news=True)


def _settle(job: Job, active: ActiveRun, verdict: Verdict) -> None:
    """Records that all tests passed, with the end of their run."""
    commit, said = verdict.commit, remark_now(job)
    event = job.services.event(
        job.environment.id, "tests-passed", active.message, commit=commit, run=verdict.run
    )
    active.settle(lambda e: tests.passed(e, verdict, said), event, lambda: note_ready(job, commit))


def bring_back(job: Job) -> None:
    """Tries once more the way back that failed: of what is not healthy, or did not pass its tests."""
    environment, verdict = job.environment, job.environment.tests
    is_well = environment.health is None or environment.health.condition is Condition.HEALTHY
    if is_well and verdict is not None and not verdict.have_passed:
        _give_up(job, verdict, is_news=False)
    else:
        health.bring_back(job)


def _passed(job: Job, active: ActiveRun, commit: str) -> Verdict:
    """Runs all of them; raises _NotPassed, with what they said, where one failed."""
    with _place(job, commit) as place:
        results = [_result(job, active, step, place) for step in job.repository.tests]
    verdict = Verdict(
        on=mark_of(job.environment, job.policy.tests),
        commit=commit,
        run=active.run.id,
        at=job.services.clock(),
        results=tuple(results),
    )
    if not verdict.have_passed:
        raise _NotPassed(verdict)
    return verdict


@contextmanager
def _place(job: Job, commit: str) -> Iterator[Place]:
    """As for a deploy, with the environment's address at hand."""
    url = job.environment.applied.url
    with place_of(job, commit, own_state(job), Purpose.TEST) as place:
        given = {} if url is None else {"ENVMGR_URL": url}
        yield replace(place, environment={**place.environment, **given})


def _result(job: Job, active: ActiveRun, step: Step, place: Place) -> Result:
    began, outcome, message = job.services.clock(), Outcome.PASSED, ""
    try:
        job.services.steps.run(step, place, active.watch())
    except StepFailed as error:
        outcome, message = Outcome.FAILED, job.redact(str(error))
    seconds = (job.services.clock() - began).total_seconds()
    # Never less than none, should the clock have been set back.
    return Result(step.name, outcome, max(0.0, seconds), message)


def _sentence(verdict: Verdict) -> str:
    """What is said of an environment whose tests failed: how many, and the first one's own words."""
    failed = [result for result in verdict.results if result.outcome is Outcome.FAILED]
    of = f"{len(failed)} of {counted(len(verdict.results), 'test')} failed: "
    return f"{of if len(verdict.results) > 1 else ''}{failed[0].message.replace('Step ', 'Test ', 1)}"


def _give_up(job: Job, verdict: Verdict, *, is_news: bool) -> None:
    """A failure that only a change mends, and a way back where the rules have one."""
    why = _sentence(verdict)
    message, back = health.gone_back(job, why, why)
    key = attempt_key(job.began, job.policy)
    said = " ".join(filter(None, (message, str(back or ""))))
    event = job.services.event(
        job.environment.id, "tests-failed", said, commit=verdict.commit, run=verdict.run
    )
    job.update(lambda e: tests.failed(e, message, verdict, key, back), event if is_news else None)
