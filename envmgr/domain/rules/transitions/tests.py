"""What testing an environment writes of it: only what passes its tests is ready."""

from dataclasses import replace

from envmgr.domain.rules.pipeline.testing import has_passed, mark_of
from envmgr.domain.values.deployment import WayBack
from envmgr.domain.values.environment import NO_FAILURE, Environment, Failure, Status
from envmgr.domain.values.pipeline.verdict import Verdict

from .standing import stands
from .work import succeeded


def up(before: Environment, tests: str, message: str = "") -> Environment:
    """All that it is to have is there, and healthy: it is ready, unless its tests have to say so first.

    What they said of just this before counts; where they failed they are run once more, as somebody asked for it.
    """
    if has_passed(before.tests, mark_of(before, tests), tests):
        return succeeded(before, message)
    commit = (before.applied.commit or before.target)[:10]
    return replace(
        stands(before, Status.RUNNING, f"{commit} is there; its tests come next."),
        failure=NO_FAILURE,
        tests=None,
    )


def untested(before: Environment) -> Environment:
    """Somebody asks for its tests once more, whatever they said."""
    return replace(before, tests=None)


def passed(before: Environment, verdict: Verdict, remark: str = "") -> Environment:
    """Its tests say that it works: that is what a later commit's code may go back to."""
    found = before.deployment
    return replace(
        succeeded(before, remark),
        tests=verdict,
        deployment=found and replace(found, healthy_commit=found.known_commit or found.healthy_commit),
    )


def failed(
    before: Environment, message: str, verdict: Verdict, attempt: str, back: WayBack | None = None
) -> Environment:
    """Its tests say that it does not: only a change or a person helps, or a way `back` that failed until now.

    What runs goes on running. No run failed, so none counts.
    """
    found = before.deployment
    return replace(
        stands(before, Status.FAILED, message),
        tests=verdict,
        failure=Failure(on=attempt),
        deployment=found and replace(found, back=back),
    )
