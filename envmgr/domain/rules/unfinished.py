"""Work on where a state is that did not come to its end: until it goes on, the environment is left alone."""

from envmgr.domain.values.backend import place
from envmgr.domain.values.environment import Environment, Suspension


def unfinished(environment: Environment) -> str:
    """Why an environment whose taking-over, or whose state's move, is half done is left alone; empty where none is."""
    claim = environment.claim
    if claim is None:
        return ""
    if claim.moves is not None:
        return (
            f"The state of {environment.label} is on its way between {place(claim.backend)} and {place(claim.moves)}, so "
            f"it is left alone: `envmgr move-state {environment.id.organization}` finishes that."
        )
    # Whoever has it destroyed knows better.
    if claim.adopts and environment.suspended_by is not Suspension.DESTROY:
        return f"The adoption of {environment.label} did not finish, so it is left alone: `envmgr adopt {environment.label} --state FILE` with the same state finishes it, or undoes it if you say no."
    return ""
