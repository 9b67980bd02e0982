"""One piece of work on one environment, under its lease, and the runs it makes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, Interrupted, LeaseLost, NeedsPerson, RetryLater, StateLocked
from envmgr.domain.rules.transitions import Change
from envmgr.domain.rules.transitions.standing import silent, stands
from envmgr.domain.values.environment import (
    Changes,
    Environment,
    Event,
    Lease,
    ProcessId,
    Run,
    RunEnd,
    RunKind,
    RunStatus,
    Status,
    Suspended,
    Suspension,
)
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Policy
from envmgr.engine.context import logs
from envmgr.engine.context.late_ends import LateEnd
from envmgr.engine.context.organization import Access, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.context.snapshot import snapshot_of
from envmgr.host.children.priority import lower
from envmgr.host.children.run_log import RunLog
from envmgr.host.leftovers import sweep
from envmgr.ports import Holder, Progress, StateStore, Watch

from . import left_states, places
from .insistence import Unwritten, insist, write_or_keep
from .lock_recorder import LockRecorder
from .mode import Mode
from .planned import Planned
from .redaction import Redaction
from .stopping import Stopping

log = structlog.get_logger()

_CALLBACK = timedelta(seconds=1)
"""How late we may hear of a child's start on a busy machine."""


REFUSED = ""
"""The lock ID of a run whose Terraform found the state locked: what it found was another's."""

FREE = "-"
"""The lock ID of a run that found the state free right before its Terraform began, and saw no ID since."""


class Superseded(RetryLater):
    """A newer commit came while this one was planned; the newer one is next."""


class NothingDone(EnvmgrError):
    """The person who was asked said no; nothing was changed."""


class AwaitsApproval(NothingDone):
    """A plan that people have to approve first; it is on record, and nothing was changed."""


class WouldDelete(NothingDone):
    """Work that deletes nothing was planned to; nothing was changed."""


class DiskFull(EnvmgrError):
    """There is too little room on the disk to start a run."""


@contextmanager
def work_on(services: Services, identity: EnvironmentId, mode: Mode) -> Iterator["Job"]:
    """Holds an environment for a block and gives the work on it, on its record as it is by then.

    Raises EnvironmentBusy, naming the holder, where another works on it, NoPlace where hosts work on as many of its
    organization as they may, and NeedsPerson where it is not known.
    """
    # The lease before the record: what is decided is then decided on what nobody else is changing.
    with places.held(services, identity, mode) as lease:
        environment, repository = (
            services.store.environment(identity),
            services.repository(identity.repository_id),
        )
        if environment is None or repository is None:
            raise NeedsPerson(
                f"{identity} is not in the configuration or not known: nothing is done with it."
            )
        yield Job(
            services=services,
            repository=repository.of(identity),
            environment=environment,
            lease=lease,
            policy=snapshot_of(services, environment).policy(environment),
            mode=mode,
        )


@dataclass(slots=True, kw_only=True)
class Job:
    """An environment that is being worked on, as its `mode` says.

    `environment` is the record as it was last seen, `began` the one that the work is made on, and `resumes` the
    suspension that this work ends, if any. `remarks` are what is to be said of the environment besides, once the work
    is done. `redact` hides all that the work came to know as secret. `is_tentative` says that a failure leaves all as
    it was, `should_stop` whether what runs is to end.
    """

    services: Services
    repository: Repository
    environment: Environment
    lease: Lease
    policy: Policy
    mode: Mode
    redact: Redaction = field(init=False, default_factory=Redaction)
    remarks: list[str] = field(init=False, default_factory=list)
    began: Environment = field(init=False)
    resumes: Suspended | None = field(init=False)
    is_tentative: bool = field(init=False)
    should_stop: Callable[[], bool] = field(init=False)

    def __post_init__(self) -> None:
        """Remembers how the environment was when the work began; what comes meanwhile stays."""
        services, identity = self.services, self.environment.id
        self.resumes = self.environment.suspended
        self.is_tentative = self.mode.is_tentative
        reasons = (services.stopping, lambda: services.leases.is_lost(identity), self.mode.gives_way)
        self.should_stop = Stopping(reasons, services.store, self.environment)
        self.begin()

    def goes_ahead(self) -> None:
        """From here on a failure is the environment's: something is written that concerns it."""
        self.is_tentative = False

    def begin(self) -> None:
        """From here on the work is on what the record says now: what fails, or ends, is said of that."""
        self.began = self.environment

    def update(self, change: Change, event: Event | None = None, ends: RunEnd | None = None) -> Environment:
        """Applies a change to the environment's record as it is stored now, if the lease is still ours.

        What is said to have happened, and the run that `ends` by it, are written along with it.
        """
        store, now = self.services.store, self.services.clock()
        self.environment = store.update(self.environment.id, self.lease, now, change, event, ends)
        return self.environment

    def reload(self) -> Environment:
        """The environment's record as it is now: the poller may have written to it."""
        found = self.services.store.environment(self.environment.id)
        if found is None:
            raise LeaseLost(f"The record of {self.environment.label} is gone.")
        self.environment = found
        return found

    def access(self) -> Access:
        """The organization's variables with their secrets of now, which are hidden from here on."""
        found = self.repository.organization.access()
        self.redact.learn(found.redact)
        return found

    def state(self) -> StateStore:
        """Where this environment's state is: in the backend it was applied with, else the organization's."""
        claim = self.environment.claim
        return self.repository.organization.state(claim.backend if claim is not None else None)

    def holder(self) -> Holder:
        """Whose the credentials of its runs are."""
        claim = self.environment.claim
        backend = claim.backend if claim is not None else self.repository.organization.backend
        return Holder(environment=self.environment.id, backend=backend, learn=self.redact.learn_values)

    def read_state(self) -> State | None:
        """What this environment's state says now; None where there is none."""
        return self.state().read(self.environment.id.state_key)

    def cause(self, author: str) -> str:
        """Who causes what is done: a person at the command line, the schedule, or a push.

        Of a push only the commit's author is known, which is what whoever made the commit wrote there: who pushed is
        known to the remote alone.
        """
        if self.mode.is_by_hand:
            return self.services.actor
        by_schedule = self.environment.suspended_by is Suspension.SCHEDULE
        return "schedule" if by_schedule else f"push (author {author})"

    @contextmanager
    def run(self, kind: RunKind, commit: str, status: Status, message: str) -> Iterator["ActiveRun"]:
        """Records a run around a block: it ends as succeeded, failed, interrupted, superseded or proposed."""
        # Before there is a run: an apply on a full disk could not write down what it made.
        self._check_disk()
        services, active = self.services, self._start(kind, commit)
        log.info(message, action=f"{kind}-started", environment=self.environment.label, run=active.run.id)
        if status is not self.environment.status:
            self.update(lambda e: stands(e, status, message))
        elif self.environment.silent_since is not None:  # of a process that died
            self.update(lambda e: silent(e, None))
        try:
            yield active
        # KeyboardInterrupt and SystemExit, too: a run left as running looks like that of a dead process.
        except BaseException as error:
            active.finish(_ending(error), self.redact(str(error)))
            raise
        else:
            active.finish(RunStatus.SUCCEEDED, active.message)
        finally:
            # A saved plan may hold sensitive values, and is good for this run only.
            sweep(services.layout.plans(self.environment.id))

    @contextmanager
    def run_within(self, kind: RunKind, commit: str) -> Iterator["ActiveRun"]:
        """Records a run around a block within another run: the environment stands as it does, and the plan stays."""
        active = self._start(kind, commit)
        try:
            yield active
        except BaseException as error:
            active.finish(_ending(error), self.redact(str(error)))
            raise
        active.finish(RunStatus.FAILED if active.fails else RunStatus.SUCCEEDED, active.message)

    def _start(self, kind: RunKind, commit: str) -> "ActiveRun":
        services, now = self.services, self.services.clock()
        run = services.store.start_run(
            self.environment.id, kind, commit, self.lease, services.actor, now, services.layout.log_name
        )
        services.layout.private(services.layout.log_of(run).parent)
        logs.begin(services, run)
        return ActiveRun(job=self, run=run)

    def _check_disk(self) -> None:
        shortage = self.services.layout.shortage(self.services.disk_reserve)
        if shortage:
            raise DiskFull(shortage)


@dataclass(slots=True, kw_only=True)
class ActiveRun:
    """A run under way: what watches its Terraform, and what will be said of it.

    `failing_checks` are the code's own that did not hold by the last command. `fails` says that it ends as failed, though
    nothing was raised. `changed` is what it did with which resource; None where it changed nothing.
    """

    job: Job
    run: Run
    message: str = ""
    changes: Changes | None = None
    failing_checks: list[str] = field(default_factory=list)
    fails: bool = False
    changed: tuple[tuple[str, str], ...] | None = None
    _child_began: datetime = field(init=False)
    _is_silent: bool = field(init=False, default=False)
    _is_over: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Until the first child has started, no lock is ours."""
        self._child_began = datetime.max.replace(tzinfo=UTC)

    def watch(self) -> Watch:
        """What a Terraform command of this run reports to."""
        job = self.job
        return Watch(
            log=job.services.layout.log_of(self.run),
            redact=job.redact,
            progress=self._progress,
            started=self._started,
            stop=job.should_stop,
            quiet=self._quiet,
        )

    def note(self, lines: Sequence[str]) -> None:
        """Writes lines of its own into the log, besides what its commands say."""
        with RunLog(self.job.services.layout.log_of(self.run), self.job.redact) as log:
            for line in lines:
                log.write(line)

    @contextmanager
    def recording_lock(self) -> Iterator[None]:
        """Watches for the state lock that the block's Terraform takes, to know it again if it is left behind."""
        job = self.job
        state, key = job.state(), job.environment.id.state_key
        self._look_before(state, key)
        try:
            log = job.services.layout.log_of(self.run)
            with LockRecorder(lambda: state.lock(key), self._locked, lambda: self._child_began, log):
                yield
        except StateLocked:
            self._locked(REFUSED)
            raise

    def _look_before(self, state: StateStore, key: str) -> None:
        """Notes that the state is free, where a holder that dies at once would leave no name."""
        with suppress(EnvmgrError):  # what Terraform says of it is better
            if state.notes_late and state.lock(key) is None:
                self._locked(FREE)

    def forget_lock(self) -> None:
        """The lock that refused this run is gone: the next one may be its own."""
        self._locked(None)

    def apply(self, planned: Planned) -> None:
        """Applies exactly a saved plan."""
        self.failing_checks.clear()  # it looks at each of them again
        with left_states.kept(self.job.services, self.run, planned.workspace), self.recording_lock():
            self.job.repository.organization.terraform.apply(planned.workspace, planned.file, self.watch())

    def end(self, status: RunStatus, message: str) -> RunEnd:
        """That the run ends so now."""
        now = self.job.services.clock()
        return RunEnd(run=self.run.id, status=status, at=now, message=message, changes=self.changes)

    def settle(
        self, change: Change, event: Event | None = None, first: Callable[[], object] = lambda: None
    ) -> None:
        """Writes what the run has come to, and that it ended well, with its last word: all of it, or nothing.

        What has to be written `first` may be written twice. What the database does not take is written again for a while, and later: what was done is on no other record yet.
        """
        job, end = self.job, self.end(RunStatus.SUCCEEDED, self.message)
        job.services.logs.end(self.run.id)

        def write() -> None:
            first()
            job.update(change, event, end)

        late = LateEnd(self.run.id, job.lease, write)
        try:
            insist(late, job.services.leases.late_ends)
        except Unwritten:
            self._is_over = True
            raise
        self._is_over = True

    def finish(self, status: RunStatus, message: str) -> None:
        """Ends the run with its last word in log and record, unless it has ended already.

        Where the record cannot be written just now, that is done later: what the run came to is not lost by it.
        """
        services, end = self.job.services, self.end(status, message)
        self._quiet(timedelta())
        services.logs.end(self.run.id)  # before the record says that it is whole
        if self._is_over:
            return
        write = partial(
            services.store.finish_run, end.run, status, end.at, message, self.changes, self.job.lease
        )
        write_or_keep(LateEnd(end.run, self.job.lease, write), services.leases.late_ends)

    def _progress(self, progress: Progress) -> None:
        if progress.failing_check and progress.failing_check not in self.failing_checks:
            self.failing_checks.append(progress.failing_check)
        self.job.services.progress(self.job.environment.id, progress)

    def _quiet(self, duration: timedelta) -> None:
        """Says of the environment that nothing moves any more, and no longer once it does."""
        self.job.mode.tell_quiet(duration)
        is_silent = duration >= self.job.repository.organization.patience
        if is_silent is self._is_silent:
            return
        self._is_silent = is_silent
        with suppress(EnvmgrError):  # what is raised here would end what runs
            self._note_silence(self.job.services.clock() - duration if is_silent else None)
            places.moves(self.job.services, self.job.lease, self.job.mode, not is_silent)

    def _note_silence(self, since: datetime | None) -> None:
        job = self.job
        said = silent(job.environment, since).silence
        event = job.services.event(job.environment.id, "silent", said, run=self.run.id) if said else None
        job.update(lambda e: silent(e, since), event)

    def _started(self, child: ProcessId) -> None:
        lower(child.pid, self.job.mode.niceness)
        self._child_began = self.job.services.clock() - _CALLBACK
        self.job.services.leases.guard(self.job.environment.id, child)
        self.job.services.store.set_child(self.run.id, child, self.job.lease)

    def _locked(self, lock_id: str | None) -> None:
        self.job.services.store.set_lock(self.run.id, lock_id, self.job.lease)


def _ending(error: BaseException) -> RunStatus:
    if isinstance(error, Superseded):
        return RunStatus.SUPERSEDED
    if isinstance(error, AwaitsApproval):
        return RunStatus.PROPOSED
    if isinstance(error, Interrupted | NothingDone | KeyboardInterrupt | SystemExit):
        return RunStatus.INTERRUPTED
    return RunStatus.FAILED
