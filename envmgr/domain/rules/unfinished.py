"""Work on where a state is that did not come to its end: until it goes on, the environment is left alone."""

from envmgr.domain.values.backend import place
from envmgr.domain.values.decision import Wait
from envmgr.domain.values.environment import Environment, Suspension, Waits, WaitsFor


def unfinished(environment: Environment) -> Wait | None:
    """That an environment whose taking-over, or whose state's move, is half done is left alone; None where none is."""
    claim = environment.claim
    if claim is None:
        return None
    if claim.moves is not None:
        here, there = place(claim.backend), place(claim.moves)
        return Wait(
            f"The state of {environment.label} is on its way between {here} and {there}, so "
            f"it is left alone: `envmgr move-state {environment.id.organization}` finishes that.",
            Waits(WaitsFor.MOVE, (here, there)),
        )
    # Whoever has it destroyed knows better.
    if claim.adopts and environment.suspended_by is not Suspension.DESTROY:
        return Wait(
            f"The adoption of {environment.label} did not finish, so it is left alone: `envmgr adopt {environment.label} "
            "--state FILE` with the same state finishes it, or undoes it if you say no.",
            Waits(WaitsFor.ADOPTION),
        )
    return None
