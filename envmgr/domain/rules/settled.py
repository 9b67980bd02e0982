"""Whether an environment has all that its branch and the configuration want, and what it lacks where it does not."""

from envmgr.domain.values.decision import Test
from envmgr.domain.values.environment import Environment, Guard, Status, Suspension
from envmgr.domain.values.policy import Policy

from .pipeline.testing import is_untested


def is_settled(environment: Environment, policy: Policy) -> bool:
    """Whether the cloud has what the branch and the configuration say, and the code runs and passes its tests."""
    stands = environment.status in (Status.READY, Status.DEGRADED)
    return stands and is_done(environment, policy) and not is_untested(environment, policy.tests)


def is_done(environment: Environment, policy: Policy) -> bool:
    """Whether all was applied and deployed that the branch and the configuration say."""
    applied = (environment.applied.commit, environment.applied.inputs, environment.ending)
    is_applied = applied == (environment.target, policy.inputs, False)
    if environment.deployment is None:
        return is_applied and not policy.deploy
    return is_applied and environment.deployment.is_of(environment.target, policy.deploy)


def to_be_tested(environment: Environment, policy: Policy) -> Test | None:
    """That its tests are due: all else that is wanted is there."""
    if not is_untested(environment, policy.tests) or not is_done(environment, policy):
        return None
    return Test(f"The tests of {environment.target[:10]} are to be run.")


def why_apply(environment: Environment, policy: Policy) -> str:
    """The sentence for an apply: the first reason that holds."""
    commit, applied = environment.target[:10], (environment.applied.commit or "")[:10]
    reasons = (
        (not applied, f"First apply of {commit}."),
        (environment.hold.approved is Guard.DRIFT, f"Drift is corrected to {commit}, as approved."),
        (environment.suspended_by is Suspension.SCHEDULE, f"Its schedule brings {commit} up again."),
        (environment.target != environment.commit, f"Held at {commit} by a rollback."),
        (applied != commit, f"Branch moved from {applied} to {commit}."),
        (
            environment.applied.inputs != policy.inputs,
            "Variables, module, backend or Terraform version changed.",
        ),
        (not is_done(environment, policy), f"The code of {commit} is to be deployed."),
        (True, f"Not yet as {commit} wants it: {environment.status}."),
    )
    return next(sentence for holds, sentence in reasons if holds)
