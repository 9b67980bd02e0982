"""Destroying an environment with exactly what was applied, verifying it, and closing its record."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from envmgr.domain.audit.ownership import judge
from envmgr.domain.errors import EnvmgrError, Interrupted, NeedsPerson, PlaceMissing, Transient
from envmgr.domain.rules.transitions.ends import End, began, closed, emptied
from envmgr.domain.values.decision import Destroy
from envmgr.domain.values.environment import Environment, RunKind, Status, Suspended, Suspension
from envmgr.domain.values.names import counted, first
from envmgr.domain.values.tags import identity, own
from envmgr.engine.context.snapshot import snapshot_of
from envmgr.engine.source import kept
from envmgr.engine.source.outside import leave
from envmgr.engine.work.application_order import check_not_needed, is_last_of_all
from envmgr.engine.work.insistence import write_again
from envmgr.engine.work.job import ActiveRun, Job, Superseded
from envmgr.engine.work.planned import Planned
from envmgr.host.leftovers import clear, sentence
from envmgr.host.temporary import Temporary
from envmgr.ports import Cloud

from .deploy import end_deployment
from .planning import carry_out, plan_destroy

_LOOK = 2.0  # seconds between two looks at a cloud that still lists something


Still = Callable[[Environment], str]
"""Why what a record says by now does not want the end any more; empty where it does."""


class _Moved(Exception):
    """The record was written to since it was asked whether the end is still wanted."""


def destroy(job: Job, end: Destroy, still: Still) -> None:
    """Destroys all an environment has, verifies it, and leaves it as the `end` says, if that is `still` wanted."""
    claim = job.environment.claim
    if claim is None:
        close(job, end)
        return
    check_not_needed(job)
    with job.run(RunKind.DESTROY, claim.commit, Status.DESTROYING, end.reason) as active:
        planned = carry_out(
            job,
            lambda: plan_destroy(job, active, claim),
            lambda: _check(job, still),
            lambda planned: _end(job, active, planned, still),
        )
        verify(job, planned)
        # On record as empty before asking whether it was the last: of two applications that end at the same
        # time, the later one then sees that both are gone.
        # Insisted upon: a database that is away just now must not turn a destroy that is done into one that
        # failed.
        write_again(lambda: job.update(emptied), active.run.id)
        _verify_environment(job, planned)
        number = active.changes.destroy if active.changes else 0
        active.message = f"Destroyed {counted(number, 'resource')} and verified that nothing is left."
        active.settle(emptied)
    close(job, end, run=active.run.id)


def verify(job: Job, planned: Planned) -> None:
    """Raises Transient, naming what is left, unless state and cloud both show nothing of the environment.

    What carries its tags and surely is not its own is left alone, and said (`domain/ownership.py`).
    """
    environment, claim = job.environment, planned.claim
    state = job.read_state()
    if state is not None and state.resources:
        raise Transient(
            f"After the destroy of {environment.label} its state still lists {first(state.resources)}."
        )
    tags = own(claim.tags)
    left = _left_in_cloud(job, tags, planned)
    if not environment.id.application:
        left -= _of_applications(job, planned)
    _check_nothing_left(job, left)


def close(job: Job, end: Destroy, run: int | None = None) -> None:
    """Closes an environment that has nothing in the cloud: archives its state, lets go of what was kept."""
    services, environment, state = job.services, job.environment, job.state()
    is_kept = _archive_state(job)
    action = "destroyed" if end.then is Status.DESTROYED else "suspended"
    event = services.event(
        environment.id, action, end.because or end.reason, run=run, actor=_actor(job, end.by)
    )
    over = job.began.commit if end.by is Suspension.TTL else None  # what was pushed since is taken up
    said = " ".join([end.because or end.reason, *job.remarks])
    suspended = Suspended(end.because, end.by, over, services.clock()) if end.because else None
    # The record closes only now: a process that dies before it ends the environment once more, which harms
    # nothing. After it there is only tidying left.
    job.update(lambda e: _shut(job, e, End(then=end.then, message=said, suspended=suspended)), event)
    if job.environment.pin is None:  # else it comes up again at a commit that only we may have
        services.git.let_go(environment.id)
    _clear_workspace(job)
    leave(job.repository.cage, environment.id)
    if is_kept:
        # Last of all: until here a lost record could still be rebuilt from it.
        kept.forget(state, environment.id)


def _shut(job: Job, now: Environment, end: End) -> Environment:
    """The record closed, unless a person suspended it since the work began: that is not lost by it."""
    if now.suspended_by is Suspension.PERSON and now.suspended != job.began.suspended:
        raise Superseded(f"{now.label} was suspended meanwhile: it is not closed.")
    return closed(now, end)


def _clear_workspace(job: Job) -> None:
    """What code left there and nobody of us can remove is named; it holds up neither this end nor a next life."""
    folder = job.services.layout.workspace(job.environment.id)
    Temporary(job.services.layout.temporary(job.environment.id)).clear()
    try:
        aside = clear(folder)
        said = f"What was left in {folder} {sentence(aside)}" if aside is not None else ""
    except NeedsPerson as error:
        said = str(error)
    if said:
        job.services.record(job.environment.id, "put-aside", said, lease=job.lease)


def _actor(job: Job, by: Suspension | None) -> str | None:
    """Who ended it, where that is not the process itself."""
    return str(by) if by in (Suspension.TTL, Suspension.SCHEDULE) and not job.mode.is_by_hand else None


def _end(job: Job, active: ActiveRun, planned: Planned, still: Still) -> None:
    """Ends what was deployed, then what was applied."""
    if job.mode.leaves_code:
        said = "The steps before the destroy were left out, as asked for."
        job.services.record(
            job.environment.id, "on-destroy-skipped", said, run=active.run.id, lease=job.lease
        )
    else:
        end_deployment(job, active)
    _apply(job, active, planned, still)


def _apply(job: Job, active: ActiveRun, planned: Planned, still: Still) -> None:
    _pass_the_point_of_no_return(job, still)
    if not (planned.has_changes or _lists_what_is_gone(job)):
        return
    try:
        active.apply(planned)
    except (NeedsPerson, Transient) as error:
        # Of the same kind: it decides when this is tried again.
        raise type(error)(f"{error} {_left(job)}".strip()) from error


def _lists_what_is_gone(job: Job) -> bool:
    """Whether the state lists what a plan found nothing left of, as somebody deleted it by hand: applied, it forgets that."""
    state = job.read_state()
    return state is not None and bool(state.resources)


def _pass_the_point_of_no_return(job: Job, still: Still) -> None:
    """Asks once more whether the end is wanted, and records in the same write that no wish calls it off from here on."""
    while True:
        # The decision reads other records, too, and so cannot be made inside the write. The write is refused
        # where this record has moved since, and it is asked again.
        asked = job.reload()
        _check_still_wanted(job, still)

        def begin(now: Environment, asked: Environment = asked) -> Environment:
            if now != asked:
                raise _Moved
            return began(now)

        with suppress(_Moved):
            job.update(begin)
            job.begin()
            return


def _left(job: Job) -> str:
    """The sentence that says what a destroy that failed half-way has left."""
    try:
        state = job.read_state()
    except EnvmgrError:
        # The failure of the destroy says more than that its state cannot be read either.
        return ""
    return f"Still there: {first(state.resources)}." if state is not None and state.resources else ""


def _check(job: Job, still: Still) -> None:
    job.reload()
    if not job.mode.is_by_hand:  # of a person's it is asked once it is confirmed
        _check_still_wanted(job, still)
    check_not_needed(job)


def _check_still_wanted(job: Job, still: Still) -> None:
    """A branch that came back, a push, a wish of a person call off an end that has not begun to delete."""
    why = still(job.environment)
    if why:
        job.services.record(
            job.environment.id, "destroy-called-off", why, commit=job.environment.commit, lease=job.lease
        )
        raise Superseded(why)


def _verify_environment(job: Job, planned: Planned) -> None:
    """With its last application nothing of the environment may be left, whatever application its tags name."""
    if job.environment.id.application and is_last_of_all(job):
        _check_nothing_left(job, _left_in_cloud(job, identity(planned.claim.tags), planned))


def _of_applications(job: Job, planned: Planned) -> set[str]:
    """What belongs to the applications of an environment that was applied before it had any."""
    siblings = snapshot_of(job.services, job.environment).siblings(job.environment).values()
    tags = [own(e.claim.tags) for e in siblings if e.claim is not None and e.id.application]
    return {found for each in tags for found in _left_in_cloud(job, each, planned)}


def _left_in_cloud(job: Job, tags: Mapping[str, str], planned: Planned) -> set[str]:
    clouds = job.repository.organization.clouds(_addresses(job, planned))
    return {found for cloud in clouds for found in _remaining(job, cloud, tags)}


def _remaining(job: Job, cloud: Cloud, tags: Mapping[str, str]) -> Sequence[str]:
    """What a cloud lists, looked at again for as long as it may list what is gone."""
    end = time.monotonic() + cloud.lag.total_seconds()
    while (left := cloud.remaining(tags)) and time.monotonic() < end:
        time.sleep(_LOOK)
        if job.should_stop():
            raise Interrupted(f"The search for what is left of {job.environment.label} was stopped.")
    return left


def _check_nothing_left(job: Job, left: Collection[str]) -> None:
    if not left:
        return
    environment = job.environment
    found = judge(left, environment.applied.identifiers, job.services.store.runs(environment.id))
    if found.own:
        raise Transient(
            f"After the destroy of {environment.label} the cloud still has resources with its tags: "
            f"{first(found.own)}. A tag alone proves nothing: where one of them is not its own, remove its tag `environment` by hand."
        )
    said = f"Left alone: {first(found.others)} carries its tags, but was never in its state."
    job.remarks.append(said)
    job.services.record(environment.id, "left-alone", said, lease=job.lease)


def _addresses(job: Job, planned: Planned) -> list[str]:
    deleted = [r.address for r in planned.plan.resources] if planned.plan else []
    return sorted({*job.environment.applied.resources, *deleted})


def _archive_state(job: Job) -> bool:
    """Keeps a last copy of the state, unless it lists resources that nobody destroyed.

    False where there is no place for states: the first apply of an organization makes it, so before that nothing is lost.
    """
    key, state = job.environment.id.state_key, job.state()
    try:
        found = state.read(key)
    except PlaceMissing:
        if job.environment.claim is not None or not job.repository.organization.is_new():
            raise
        return False
    if found is not None and found.resources:
        raise NeedsPerson(
            f"The state {key} lists {first(found.resources)}, but envmgr has no record of applying it: destroy "
            "these by hand or resume the environment; it is left as it is."
        )
    state.archive(key, job.services.clock())
    return True
