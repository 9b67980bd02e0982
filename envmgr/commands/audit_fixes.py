"""What `envmgr audit --fix` does about a finding: never a destroy, and never past a guard.

Each is done under the environment's lease, after looking again: time has passed since the audit.
"""

from collections.abc import Callable, Mapping

from envmgr.domain.audit.compare import KEPT, Finding, Fix
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.transitions.ends import End, closed
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.engine.context import ownership
from envmgr.engine.recovery import lost_records
from envmgr.engine.source import kept
from envmgr.engine.source.workspaces import holds_state
from envmgr.ports import StateStore

from .audit import Audit


def mend(audit: Audit, finding: Finding) -> str:
    """Does what a finding's `fix` says, with an event by who asked for it; gives the sentence of what was done.

    Raises NeedsPerson where it is not so any more, and what else stands in the way.
    """
    ownership.require(audit.services, audit.organization)
    if finding.fix is Fix.PRUNE:
        return _prune(audit)
    if finding.fix is None or finding.environment is None:
        raise NeedsPerson(f"{finding.subject}: only a person can fix this. {finding.remedy}")
    return _FIXES[finding.fix](audit, finding.environment)


def _prune(audit: Audit) -> str:
    services = audit.services
    number = audit.organization.state().prune(services.clock() - KEPT)
    done = (
        f"{audit.organization.name}: deleted {counted(number, 'archived state')} older than {KEPT.days} days."
    )
    services.record(None, "archives-pruned", done)
    return done


def _adopt(audit: Audit, identity: EnvironmentId) -> str:
    services = audit.services
    with services.leases.hold(identity, f"audit by {services.actor}"):
        state = audit.organization.state().read(identity.state_key)
        if state is None or not state.resources:
            raise NeedsPerson(f"{identity}: its state no longer lists anything.")
        record = lost_records.lost_record(services, audit.organization, identity, state)
        # Before the record is there: a poll could else take another history for the known one.
        lost_records.know_again(services, audit.organization, [record])
        if identity not in services.store.restore([record]):
            raise NeedsPerson(f"{identity}: it has a record by now, which stays as it is.")
        done = f"The record of {identity} is restored, with {counted(len(state.resources), 'resource')}; the usual guards come next."
        services.record(identity, "adopted", done)
    return done


def _archive(audit: Audit, identity: EnvironmentId) -> str:
    services, store = audit.services, audit.organization.state()
    with services.leases.hold(identity, f"audit by {services.actor}"):
        record = services.store.environment(identity)
        state = store.read(identity.state_key)
        if (record is not None and record.claim is not None) or (state is not None and state.resources):
            raise NeedsPerson(f"{identity}: its state is in use by now, and stays as it is.")
        _check_nothing_is_left(audit, identity)
        store.archive(identity.state_key, services.clock())
        done = f"The empty state of {identity} is archived for {KEPT.days} days."
        services.record(identity, "state-archived", done)
        kept.forget(store, identity)
    return done


def _close(audit: Audit, identity: EnvironmentId) -> str:
    services = audit.services
    with services.leases.hold(identity, f"audit by {services.actor}") as lease:
        record = services.store.environment(identity)
        if record is None or not _is_still_alone(audit, record):
            raise NeedsPerson(
                f"{identity}: its record or its branch has changed meanwhile, so it stays as it is."
            )
        store = audit.organization.state(record.claim.backend if record.claim is not None else None)
        _check_no_state(audit, store, identity)
        _check_nothing_is_left(audit, identity)
        done = f"The record of {identity} is closed: it had no branch, no state and no resources."
        event = services.event(identity, "destroyed", done)
        end = End(then=Status.DESTROYED, message=done)
        services.store.update(identity, lease, services.clock(), lambda e: closed(e, end), event)
        # After the record is closed: until then its commit may be needed.
        services.git.let_go(identity)
        kept.forget(store, identity)
    return done


def _is_still_alone(audit: Audit, record: Environment) -> bool:
    repository = audit.services.configured(record.id)
    is_gone = repository is None or record.absences >= repository.policy.confirmations
    return record.is_open and is_gone


def _check_no_state(audit: Audit, store: StateStore, identity: EnvironmentId) -> None:
    if store.read(identity.state_key) is not None:
        raise NeedsPerson(f"{identity}: it has a state by now, and stays as it is.")
    folder = audit.services.layout.workspace(identity)
    if holds_state(folder):
        raise NeedsPerson(
            f"{identity}: {folder} holds a state that could not be written; the next run brings it back."
        )


def _check_nothing_is_left(audit: Audit, identity: EnvironmentId) -> None:
    left = audit.remaining(identity)
    if left:
        raise NeedsPerson(
            f"{identity}: there are resources with its tags by now, and it stays as it is: {left[0]}."
        )


_FIXES: Mapping[Fix, Callable[[Audit, EnvironmentId], str]] = {
    Fix.ADOPT: _adopt,
    Fix.ARCHIVE: _archive,
    Fix.CLOSE: _close,
}
