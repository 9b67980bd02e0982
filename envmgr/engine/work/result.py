"""What an environment's state says after Terraform ran, as the record is to have it."""

from collections.abc import Mapping
from dataclasses import replace

from envmgr.config.sections.secrets import redacted
from envmgr.domain.documents.state import State
from envmgr.domain.rules.transitions.applies import Found, noted
from envmgr.domain.values.environment import Changes, Output

from .job import Job


def note_resources(job: Job, state: State | None) -> None:
    """Adds what a state lists to the record: an apply that failed or died half-way did not come to that."""
    known = job.environment
    if state is None:
        return
    is_learnt = known.claim is None or bool(known.claim.lineage or not state.lineage)
    # Most plans add nothing, and a write wakes whoever compares listings with records.
    if (
        is_learnt
        and set(state.resources) <= set(known.applied.resources)
        and set(state.identifiers) <= set(known.applied.identifiers or ())
    ):
        return
    resources, identifiers, lineage = state.resources, state.identifiers, state.lineage
    job.update(lambda e: noted(e, resources, identifiers, lineage))


def found(job: Job) -> Found | None:
    """What the record is to say of outputs, resources and URL: what the state says; None where there is none."""
    state = job.read_state()
    if state is None:
        return None
    outputs = {
        name: Output(None, sensitive=True) if output.sensitive else output
        for name, output in state.outputs.items()
    }
    shown = {name: replace(o, value=redacted(o.value, job.redact)) for name, o in outputs.items()}
    return Found(
        outputs=shown,
        resources=state.resources,
        url=_url(shown),
        serial=state.serial,
        identifiers=state.identifiers,
        lineage=state.lineage,
    )


def summary(changes: Changes | None) -> str:
    """The changes that were made, in words."""
    if changes is None:
        return "nothing to change"
    return f"{changes.add} added, {changes.change} changed, {changes.destroy} destroyed"


def _url(outputs: Mapping[str, Output]) -> str | None:
    output = outputs.get("url")
    value = output.value if isinstance(output, Output) else None
    return value if isinstance(value, str) and value.isprintable() else None
