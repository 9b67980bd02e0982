"""Whether an environment is as it should be after all that was done to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.kill import Phase
from tests.chaos.observation import Observation
from tests.chaos.world import Traces


@dataclass(frozen=True, slots=True)
class Desired:
    """How an environment should end: after which phase, at which commit; `suspended` is as good as that.

    `restored`: its branch came back while it was destroyed, so it is there, whether it was destroyed in between or not.
    `suspended`: its life ended, and that is how it has to be.
    """

    phase: Phase
    commit: str
    may_be_suspended: bool = False
    restored: bool = False
    suspended: bool = False


def problems(seen: Observation | None, wanted: Desired, traces: Traces) -> list[str]:
    """All that is not as it should be, as sentences; resources that nobody knows are not among them."""
    if seen is None:
        return ["The environment is not known."]
    if wanted.suspended or (wanted.may_be_suspended and seen.status == "suspended"):
        found = [*_left_running(seen), *_suspended(seen)]
        found += [*_at_its_end(seen), *_ended(traces)] if wanted.suspended else []
    elif (
        wanted.phase is Phase.DESTROY
        and not wanted.restored
        and not (wanted.may_be_suspended and seen.status == "ready")
    ):
        found = [*_left_running(seen), *_destroyed(seen), *_ended(traces)]
    else:
        found = [*_left_running(seen), *_ready(seen, wanted), *_deployed(wanted, traces)]
    phantoms = _in_state(seen) - traces.existing
    if phantoms:
        found.append(f"State lists what does not exist: {_names(phantoms)}.")
    return found


def unknown(seen: Observation | None, traces: Traces) -> frozenset[str]:
    """The resources that exist and that state does not know."""
    return traces.existing - (_in_state(seen) if seen else frozenset())


def broken(traces: Traces) -> list[str]:
    """What must never be, not even for a moment."""
    found = [f"Two Terraforms at once: {overlap}" for overlap in traces.overlaps]
    return [*found, *(f"Done twice: {line}" for line in traces.ended_twice)]


def _in_state(seen: Observation) -> frozenset[str]:
    return (
        frozenset(f"{name}.{identity}" for name, identity in seen.ids.items())
        if seen.resources
        else frozenset()
    )


def _left_running(seen: Observation) -> Iterator[str]:
    if seen.running:
        yield f"Runs {seen.running} are still running."
    if seen.lock:
        yield f"State is locked by {seen.lock}."
    if seen.leases:
        yield f"Leases are held by {seen.leases}."
    if seen.leftovers:
        yield f"Left in the working folder: {seen.leftovers}."


def _ready(seen: Observation, wanted: Desired) -> Iterator[str]:
    if (seen.status, seen.applied_commit, seen.commit) != ("ready", wanted.commit, wanted.commit):
        yield f"It is {seen.status} at {seen.applied_commit}, not ready at {wanted.commit}: {seen.message}"
    if seen.destroys and wanted.phase is not Phase.DESTROY:
        yield "It was destroyed although its branch was there."
    if not seen.kept:
        yield "What was applied is not kept by a ref."
    addresses = {f'terraform_data.it["{name}"]' for name in seen.ids}
    if set(seen.resources or ()) != addresses:
        yield f"State lists {seen.resources}, its outputs {sorted(addresses)}."


def _destroyed(seen: Observation) -> Iterator[str]:
    if seen.status != "destroyed":
        yield f"It is {seen.status}, not destroyed: {seen.message}"
    if seen.resources is not None:
        yield f"Its state is still there, with {seen.resources}."
    if seen.kept or seen.workspace:
        yield f"Kept of what is destroyed: {seen.kept}{' and its working folder' if seen.workspace else ''}."
    if seen.beside:
        yield f"Left in the state store: {seen.beside}."
    if seen.status == "destroyed" and not seen.archived:
        yield "No copy of its last state was archived."


def _deployed(wanted: Desired, traces: Traces) -> Iterator[str]:
    if traces.deployed != wanted.commit:
        yield f"The code of {traces.deployed or 'nothing'} runs, not of {wanted.commit}."


def _ended(traces: Traces) -> Iterator[str]:
    if traces.deployed:
        yield f"The code of {traces.deployed} runs on after the destroy."


def _suspended(seen: Observation) -> Iterator[str]:
    if seen.resources:
        yield f"It is suspended after a destroy that was not finished ({seen.message}): {seen.resources} are left."


def _at_its_end(seen: Observation) -> Iterator[str]:
    if seen.status != "suspended" or seen.applied_commit is not None:
        yield f"It is {seen.status} at {seen.applied_commit}, not suspended with nothing applied: {seen.message}"
    if seen.destroys == 0:
        yield "Nothing was destroyed at the end of its life."


def _names(resources: frozenset[str]) -> str:
    return ", ".join(sorted(resources))
