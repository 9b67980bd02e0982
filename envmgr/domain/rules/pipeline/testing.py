"""When the tests of an environment are due, and whether what it has has passed them."""

from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.health import Condition
from envmgr.domain.values.pipeline.verdict import Verdict


def mark(commit: str | None, inputs: str | None, tests: str) -> str:
    """What tests are run on: while all of it stays the same they are not run again by themselves."""
    return digest([commit, inputs, tests])


def has_passed(verdict: Verdict | None, on: str, tests: str) -> bool:
    """Whether what was tested `on` is what there is, and was well; also where there are no tests."""
    return not tests or (verdict is not None and verdict.on == on and verdict.have_passed)


def mark_of(environment: Environment, tests: str) -> str:
    """The mark of what an environment has now."""
    return mark(environment.applied.commit, environment.applied.inputs, tests)


def is_untested(environment: Environment, tests: str) -> bool:
    """Whether its tests have not said anything yet of what it has; nobody asks them of what is not healthy."""
    health = environment.health
    if not tests or (health is not None and health.condition is not Condition.HEALTHY):
        return False
    return environment.tests is None or environment.tests.on != mark_of(environment, tests)
