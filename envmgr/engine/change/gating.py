"""Between the plan and the apply: checks, and people's approval of just what would be done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from envmgr.domain.documents.changes import changes_digest, sensitive_texts
from envmgr.domain.rules.approval.data_loss import data_loss
from envmgr.domain.rules.approval.words import is_carried_out, lets_through
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.transitions.proposals import to_be_approved
from envmgr.domain.values.environment import Claim
from envmgr.domain.values.names import counted, matches_any
from envmgr.domain.values.pipeline.proposal import Checked, CheckOutcome, Proposal, plan_name
from envmgr.engine.source.checks import Unreliable, refusal, refuse, run_checks, sentence
from envmgr.engine.source.desired import Desired
from envmgr.engine.work.job import ActiveRun, AwaitsApproval, Job
from envmgr.engine.work.mode import ByHand, Verb
from envmgr.engine.work.planned import Planned
from envmgr.ports import PlanFile

_TEXT, _ACTIONS = 40_000, 300
"""How much of a plan's text, and how many of its actions, are kept for those who are to approve it."""


@dataclass(slots=True)
class Gate:
    """What the plans of one apply have to pass: checks, then people's approval of just what would be done.

    Asked twice of a plan, before anybody is asked for it and right before it is applied, it makes the checks once.
    """

    job: Job
    active: ActiveRun
    desired: Desired
    _checked: tuple[PlanFile, Mapping[str, Any], tuple[Checked, ...]] | None = field(init=False, default=None)
    _told: Sequence[Checked] = field(init=False, default=())

    def check(self, planned: Planned) -> Planned:
        """Makes the checks of a plan; what they warn of, or ask an approval for, is among its warnings.

        Raises NeedsPerson where one refuses it, and RetryLater where one cannot be made.
        """
        _, results = self._look(planned)
        self._warn(results)
        refuse(results)
        return _with_findings(planned, results)

    def foresee(self, planned: Planned) -> tuple[Planned, str]:
        """The same for a plan that is only shown, with why its checks would keep it from being applied (empty: they would not)."""
        try:
            _, results = self._look(planned)
        except Unreliable as error:
            return planned, str(error)
        return _with_findings(planned, results), refusal(results)

    def pass_through(self, planned: Planned) -> None:
        """Lets a plan through to its apply, if its checks do and people have approved it where they are to be asked.

        Called right before each apply, of the very plan that is applied then. Raises what `check` does, and
        AwaitsApproval, with the proposal on record, where people are asked.
        """
        job = self.job
        document, results = self._look(planned)
        self._warn(results)
        refuse(results)
        reasons = list(_reasons(job, planned.claim, document, results, planned.has_changes))
        if reasons:
            _require_approval(job, self.active, self.desired, planned, document, results, reasons)

    def _look(self, planned: Planned) -> tuple[Mapping[str, Any], tuple[Checked, ...]]:
        """A plan's document, where anything asks for it, and what its checks came to."""
        if self._checked is not None and self._checked[0] == planned.file:
            return self._checked[1:]
        job, gates, document = self.job, self.job.repository.gates, dict[str, Any]()
        if planned.has_changes and (gates.checks or gates.approval is not None or _types(job)):
            terraform = job.repository.organization.terraform
            document = dict(terraform.document(planned.workspace, planned.file))
            # Before any check runs that could print them.
            job.redact.learn_values(list(sensitive_texts(document)))
        results: tuple[Checked, ...] = ()
        if planned.has_changes:
            results = run_checks(job, planned, document, self.desired.author, self.active.changes)
        self._checked = (planned.file, document, results)
        return document, results

    def _warn(self, results: Sequence[Checked]) -> None:
        """Leaves an event of each warning, once for a plan."""
        if results is not self._told:
            self._told = results
            _warn(self.job, self.active, results)


def _with_findings(planned: Planned, results: Sequence[Checked]) -> Planned:
    """A plan with what a person should know of its checks before she says yes."""
    told = (CheckOutcome.WARNED, CheckOutcome.ASKS)
    return replace(
        planned, warnings=(*planned.warnings, *(sentence(each) for each in results if each.outcome in told))
    )


def pass_without_plan(job: Job, desired: Desired) -> None:
    """The same where the commit changes no infrastructure and is to be deployed only."""
    reasons = list(_reasons(job, desired.claim, {}, (), False))
    if reasons:
        _require_approval(job, None, desired, None, {}, (), reasons)


def kept_actions(job: Job, actions: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What happens to which resource, as far as it is kept for people; what is known as secret is not."""
    return tuple((action, job.redact(address)) for action, address in islice(actions, _ACTIONS))


def _types(job: Job) -> tuple[str, ...]:
    """The types of resources that are not taken away unasked."""
    is_protected = matches_any(job.environment.branch, job.policy.protected)
    return job.repository.gates.data if is_protected else ()


def _reasons(
    job: Job, claim: Claim, document: Mapping[str, Any], results: Sequence[Checked], has_changes: bool
) -> Iterator[str]:
    """Why people have to approve it; nothing where nobody has to."""
    # Who takes something over has seen the plan, and only an admin may: nothing of it is anybody else's yet.
    if isinstance(job.mode, ByHand) and job.mode.verb is Verb.ADOPT:
        return
    terms = job.repository.gates.approval
    is_new = has_changes or claim.commit != job.environment.applied.commit
    if terms is not None and is_new and not (terms.frees_rollback and _was_released(job, claim.commit)):
        yield f"Here each plan takes {counted(terms.needed, 'approval')}."
    yield from (sentence(each) for each in results if each.outcome is CheckOutcome.ASKS)
    if lost := data_loss(document, _types(job)):
        yield lost


def _was_released(job: Job, commit: str) -> bool:
    """Whether a rollback brings it back to what was ready here, its tests passed."""
    environment = job.environment
    release = job.services.store.pipeline.releases.get(environment.id, commit)
    return environment.pinned_commit == commit and release is not None and release.has_passed


def _require_approval(
    job: Job,
    active: ActiveRun | None,
    desired: Desired,
    planned: Planned | None,
    document: Mapping[str, Any],
    results: Sequence[Checked],
    reasons: Sequence[str],
) -> None:
    claim, now = (planned.claim if planned else desired.claim), job.services.clock()
    digest = _digest(job, claim, document)
    before, on = job.reload().proposal, attempt_key(job.began, job.policy)
    # Read anew: it may have been approved while it was planned. Where a process applied it as approved and
    # died before it could say so, nothing is left to change: that is not asked for a second time.
    terms = job.repository.terms
    is_done = not (planned and planned.has_changes) and is_carried_out(before, on, now)
    if is_done or lets_through(before, claim.commit, digest, terms, now):
        names = ", ".join(approval.by for approval in before.approvals) if before else ""
        said = f"Applied as approved by {names} ({plan_name(digest)})."
        job.services.record(job.environment.id, "approval-used", said, commit=claim.commit, lease=job.lease)
        return
    fresh = Proposal(
        on=on,
        commit=claim.commit,
        digest=digest,
        author=desired.author,
        terms=terms,
        requested_at=now,
        expires_at=now + terms.expires,
        reasons=tuple(job.redact(each) for each in reasons),
        changes=_counts(active),
        actions=kept_actions(job, _actions(document)),
        text=_text(job, planned),
        run=active.run.id if active else None,
        checks=tuple(results),
    )
    anew = job.mode.is_by_hand and before is not None and before.rejection is not None
    is_new = anew or before is None or (before.commit, before.digest) != (claim.commit, digest)
    event = job.services.event(
        job.environment.id,
        "proposed",
        f"The plan of {claim.commit[:10]} ({plan_name(digest)}) is to be approved: {' '.join(fresh.reasons)}",
        commit=claim.commit,
        run=fresh.run,
    )
    waiting = job.update(lambda e: to_be_approved(e, fresh, anew=anew), event if is_new else None)
    raise AwaitsApproval(waiting.message)


def _digest(job: Job, claim: Claim, document: Mapping[str, Any]) -> str:
    """What the plan would do, and by what code and providers: all that may differ though the commit is the same."""
    more = (claim.commit, claim.fingerprint, claim.modules, claim.lock_file or "", claim.terraform_version)
    return changes_digest(document, job.services.seal.key, str(job.environment.id), *more)


def _counts(active: ActiveRun | None) -> Mapping[str, int]:
    changes = active.changes if active else None
    if changes is None:
        return {"add": 0, "change": 0, "destroy": 0}
    return {"add": changes.add, "change": changes.change, "destroy": changes.destroy}


def _actions(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in document.get("resource_changes") or ():
        actions = (item.get("change") or {}).get("actions") or ()
        if set(actions) - {"no-op", "read"}:
            yield "/".join(actions), str(item.get("address"))


def _text(job: Job, planned: Planned | None) -> str:
    if planned is None or not planned.has_changes:
        return ""
    text = job.repository.organization.terraform.render(planned.workspace, planned.file)
    return job.redact(text)[:_TEXT]


def _warn(job: Job, active: ActiveRun, results: Sequence[Checked]) -> None:
    for each in results:
        if each.outcome is CheckOutcome.WARNED:
            job.services.record(
                job.environment.id,
                "check-warned",
                sentence(each),
                commit=active.run.commit,
                run=each.run,
                lease=job.lease,
            )
