"""Whether a state that is there is the one that an environment's last apply left."""

from envmgr.domain.values.environment import Environment

from .state import State


def is_another(environment: Environment, state: State, taken: str = "") -> bool:
    """Whether a state surely began otherwise than the known one, or than the one of the lineage that is `taken` over.

    Where neither it nor the record lists anything, nothing can be lost by it.
    """
    claim = environment.claim
    known = taken or (claim.lineage if claim is not None else "")
    lists_any = bool(state.resources or environment.applied.resources)
    return bool(known) and state.lineage != known and lists_any
