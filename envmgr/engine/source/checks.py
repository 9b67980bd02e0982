"""Checks of a plan before it is applied: each is a run of its own, and what it finds counts as its rule says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from envmgr.domain.errors import NeedsOperator, NeedsPerson, RetryLater, StepFailed
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.environment import Changes, RunKind, SourceKind
from envmgr.domain.values.names import first
from envmgr.domain.values.pipeline.proposal import Check, Checked, CheckOutcome
from envmgr.domain.values.step import Step
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.planned import Planned
from envmgr.host.leftovers import sweep
from envmgr.host.system import write_private
from envmgr.ports import Place

from .steps import place_of

_AGAIN = timedelta(minutes=10)
_OUTCOMES = {
    "refuse": CheckOutcome.REFUSED,
    "approve": CheckOutcome.ASKS,
    "warn": CheckOutcome.WARNED,
}


class Unreliable(RetryLater):
    """A check that could not be made: nothing is applied meanwhile, and it is tried again."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a check found: because of `bad` its rule holds, of `other` it only tells."""

    bad: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def run_checks(
    job: Job, planned: Planned, document: Mapping[str, Any], author: str, changes: Changes | None
) -> tuple[Checked, ...]:
    """Makes all checks of a plan; what one found keeps no other from being made.

    Raises Unreliable where one could not be made, and Interrupted where it was ended.
    """
    told = {**document, "envmgr": _about(job, planned, author, changes or Changes())}
    return tuple(_checked(job, check, planned, told) for check in job.repository.gates.checks)


def _checked(job: Job, check: Check, planned: Planned, document: Mapping[str, Any]) -> Checked:
    with job.run_within(RunKind.CHECK, planned.claim.commit) as active:
        try:
            found = _found(job, active, check, planned, document)
        except NeedsOperator as error:
            raise Unreliable(f"Check {check.name}: {error}", after=_AGAIN) from error
        said = tuple(job.redact(each) for each in (*found.bad, *found.other))
        outcome = CheckOutcome.PASSED
        if said:
            outcome = _OUTCOMES[check.on_failure] if found.bad else CheckOutcome.WARNED
        result = Checked(check.name, outcome, said, active.run.id)
        active.message = sentence(result)
        active.note(said)
        if outcome is CheckOutcome.REFUSED:
            active.fails = True
        return result


def sentence(checked: Checked) -> str:
    """What a check came to."""
    if checked.outcome is CheckOutcome.PASSED:
        return f"Check {checked.name} found nothing."
    found = first(checked.findings, 3, " ", " (and {} more)")
    verb = {CheckOutcome.REFUSED: "refuses the plan", CheckOutcome.ASKS: "asks for an approval"}
    return f"Check {checked.name} {verb.get(checked.outcome, 'warns')}: {found}"


def _about(job: Job, planned: Planned, author: str, changes: Changes) -> Mapping[str, Any]:
    """What policies are told besides the plan."""
    environment = job.environment
    return {
        "organization": environment.id.organization,
        "repository": environment.id.repository,
        "environment": environment.id.name,
        "application": environment.id.application,
        "branch": environment.branch,
        "commit": planned.claim.commit,
        "author": author,
        "changes": {"add": changes.add, "change": changes.change, "destroy": changes.destroy},
    }


def _found(
    job: Job, active: ActiveRun, check: Check, planned: Planned, document: Mapping[str, Any]
) -> _Found:
    if check.policy is not None:
        findings = job.services.policies.evaluate(check.policy, document)
        return _Found(findings.deny, findings.warn)
    if check.builtin is not None:
        terraform = job.repository.organization.terraform
        return _Found(tuple(terraform.findings(planned.workspace, check.builtin)))
    return _by_command(job, active, check.step or Step(name=check.name, run=""), planned, document)


def _by_command(
    job: Job, active: ActiveRun, step: Step, planned: Planned, document: Mapping[str, Any]
) -> _Found:
    with _place(job, planned, document) as place:
        try:
            job.services.steps.run(step, place, active.watch())
        except StepFailed as error:
            return _Found((str(error),))
    return _Found()


@contextmanager
def _place(job: Job, planned: Planned, document: Mapping[str, Any]) -> Iterator[Place]:
    """Where a command checks: in a checkout of the commit, with the plan at hand as a private file for just that long."""
    claim, services = planned.claim, job.services
    with place_of(job, claim.commit, job.read_state(), Purpose.CHECK) as place:
        file = services.layout.steps(job.environment.id) / "plan.json"
        # A command of the branch may have left a folder of that name.
        sweep(file)
        write_private(file, json.dumps(document))
        root = planned.workspace.root
        if claim.source.kind is SourceKind.DIRECTORY:
            root = place.checkout / claim.source.path
        try:
            yield replace(
                place,
                environment={**place.environment, "ENVMGR_PLAN": str(file), "ENVMGR_TERRAFORM": str(root)},
                readable=(*place.readable, file, root),
            )
        finally:
            sweep(file)


def refuse(results: Sequence[Checked]) -> None:
    """Raises NeedsPerson where a check refuses the plan."""
    if said := refusal(results):
        raise NeedsPerson(f"{said} Nothing was applied.")


def refusal(results: Sequence[Checked]) -> str:
    """What the checks refuse the plan for; empty where none does."""
    return " ".join(sentence(each) for each in results if each.outcome is CheckOutcome.REFUSED)
