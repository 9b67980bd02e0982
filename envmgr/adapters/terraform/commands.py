"""Terraform as the port asks for it: plan, show, apply and the repairs of state."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.state.data_folder import leave_states_out, make_fit
from envmgr.adapters.terraform.state.errored_state import errored_of
from envmgr.adapters.terraform.state.state_room import make_fit_beside, set_aside_torn
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.rules.tool.noted import takes_values_to_apply
from envmgr.domain.values.environment import Output, ProcessId
from envmgr.host.leftovers import clear
from envmgr.ports import Attended, PlanFile, PlanResult, Watch, Workspace

from . import backend
from .cli_configuration import cli_configuration
from .command import IsFlagged
from .confinement import Confinement
from .diagnostics import Diagnostic
from .failures import blames_what_is_read, failure, missing_variables
from .findings import findings
from .initialisation import HOME, Initialisation, identify_terraform
from .modules import ModuleFolder, names
from .plan_file import copied_out, unchangeable
from .process_environment import CLI_CONFIG
from .session import Limits, Outcome, Session
from .variable_files import check_leave
from .variables import variables_file, without_null
from .versions import Minimum, Versions, locate

# What `init` and `plan` print as JSON is new in this version.
_MINIMUM: Minimum = (1, 10)  # from there on S3 holds the lock of its state itself
_LOCK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:=+-]{0,255}")
_ATTEMPTS = 4  # a first try, the backend's other form, and `init` with the command after each
_LOCAL = "local"
_PLAN = "plan.tfplan"


class TerraformCommands:
    """Runs Terraform or OpenTofu; safe to be called from several threads for different workspaces."""

    def __init__(  # each is one thing the composition root knows
        self,
        cache: Path,
        identify: Callable[[int], ProcessId],
        cli_config: Path | None = None,
        timeout: timedelta = timedelta(hours=1),
        patience: timedelta = timedelta(seconds=60),
        minimum: Minimum = _MINIMUM,
    ) -> None:
        """The folder `cache` has an organization's providers, and versions that are known.

        `identify` names a process beyond doubt; `cli_config` is Terraform's CLI configuration; `timeout` is
        per command, until SIGINT; `patience` from there until SIGKILL (of an apply at least `timeout`); older than
        `minimum` is refused.
        """
        self._identify = identify
        self._cli_config = cli_config
        self._limits = Limits(timeout=timeout, patience=patience)
        # One that is killed while it cannot write its state loses what it made: it gets as long again.
        self._awaited = Limits(timeout=timeout, patience=max(patience, timeout))
        self._cache = cache
        self._providers = ProviderCache(cache)
        self._versions = Versions(cache / "terraform-versions.json", minimum)

    def version(self, binary: str) -> str:
        """See the port."""
        return self._versions.version(binary)

    def plan(self, workspace: Workspace, out: Path, watch: Watch, *, destroy: bool = False) -> PlanResult:
        """See the port; pushes an errored state first."""
        session = self._session(workspace, watch)
        # Only before a plan: until its apply is done, what the plan's data sources wrote there may still be
        # read.
        session.temporary.clear()
        if not destroy:  # what was applied with such a file must go away all the same
            check_leave(workspace.root, workspace.environment)
        initialisation = self._ready(session)
        errored_of(workspace).make_room()
        outcome, unrefreshed = self._planned(session, initialisation, destroy=destroy)
        modules = ModuleFolder(workspace.data)
        made = workspace.data / _PLAN
        file = copied_out(made, out)
        clear(made)
        return PlanResult(
            file=file,
            has_changes=outcome.ended.code == 2,
            changes=outcome.transcript.changes,
            lock_file=initialisation.lock_file,
            modules=modules.digest(),
            moving=names(modules.moving()),
            unrefreshed=unrefreshed,
        )

    def pack_modules(self, data: Path, digest: str, archive: Path) -> bool:
        """See the port."""
        found = ModuleFolder(data)
        if found.digest() != digest:
            return False
        found.pack(archive)
        return True

    def _planned(
        self, session: Session, initialisation: Initialisation, *, destroy: bool
    ) -> tuple[Outcome, str]:
        """A plan; one to destroy also without a refresh, and then with the error because of which."""
        failed: list[Outcome] = []

        def plan(**options: Any) -> Outcome:
            outcome = _plan(session, destroy=IsFlagged if destroy else None, **options)
            failed[:] = [] if outcome.succeeded else [outcome]
            return outcome

        try:
            return self._repeated(session, initialisation, plan, destroys=destroy), ""
        except (NeedsPerson, Transient) as error:
            if not (destroy and failed and blames_what_is_read(failed[0].transcript.errors)):
                raise
            outcome = plan(refresh=False)
            if not outcome.succeeded:
                raise
            return outcome, str(error)

    def show(self, workspace: Workspace, plan: PlanFile) -> Plan:
        """See the port."""
        try:
            return Plan.from_json(self.document(workspace, plan))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Transient(f"terraform show printed no readable plan: {error}.") from error

    def document(self, workspace: Workspace, plan: PlanFile) -> Mapping[str, Any]:
        """See the port."""
        session = self._session(workspace, Watch(log=Path(os.devnull)))
        # Terraform shows a plan by its providers' schemas: the folder has to be initialised for that, too.
        self._initialise(session)
        outcome, text = _shown(session, plan)
        if not outcome.succeeded:
            raise self._failure(session, outcome)
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise Transient(f"terraform show printed no readable plan: {error}.") from error

    def findings(self, workspace: Workspace, check: Literal["validate", "fmt"]) -> Sequence[str]:
        """See the port."""
        session = self._session(workspace, Watch(log=Path(os.devnull)))
        self._initialise(session)
        return findings(session, check)

    def render(self, workspace: Workspace, plan: PlanFile) -> str:
        """See the port."""
        session = self._session(workspace, Watch(log=Path(os.devnull)))
        self._initialise(session)
        outcome, text = _shown(session, plan, json=False)
        if not outcome.succeeded:
            raise self._failure(session, outcome)
        return text.decode(errors="replace")

    def apply(self, workspace: Workspace, plan: PlanFile, watch: Watch) -> Mapping[str, Output]:
        """See the port."""
        session = self._session(workspace, watch, self._awaited)
        initialisation = self._ready(session)
        errored = errored_of(workspace)
        errored.expect()
        try:
            given = takes_values_to_apply(self.version(workspace.binary))
            outcome = self._repeated(session, initialisation, lambda: _applied(session, plan, given=given))
        except EnvmgrError as error:
            if errored.rescue():
                raise Transient(
                    f"The state could not be written to its backend; it is kept and pushed before the next run. {error}"
                ) from error
            raise
        finally:
            # Whatever ended it, an interrupt too: what the backend has not got may be in that file alone.
            errored.rescue()
        session.temporary.clear()  # not earlier: what the plan's data sources made there may be what was applied
        return outcome.transcript.outputs

    def adopt(self, workspace: Workspace, child: ProcessId | None, watch: Watch) -> Attended:
        """See the port."""
        if not workspace.root.is_dir():
            return Attended()
        said = self._session(workspace, watch, self._awaited).adopt(child)
        clear(workspace.data / _PLAN)  # of a plan that was cut short, where nothing may ever be planned again
        error = said.error()
        return Attended(
            applied=said.changes if said.applied and error is None else None,
            error=watch.redact(str(error)) if error else "",
        )

    def push_errored_state(self, workspace: Workspace, watch: Watch) -> bool:
        """See the port; to be called before the root is checked out anew."""
        if not errored_of(workspace).rescue():
            return False
        session = self._session(workspace, watch)
        self._push(session, self._initialise(session))
        return True

    def unlock(self, workspace: Workspace, lock_id: str, watch: Watch) -> None:
        """See the port. A local state's lock ends with its holder, so there is nothing to break."""
        if not _LOCK_ID.fullmatch(lock_id):
            raise NeedsPerson(f"{lock_id[:80]!r} is not the ID of a state lock.")
        if workspace.backend[0] == _LOCAL:
            return
        session = self._session(workspace, watch)
        initialisation = self._initialise(session)
        self._repeated(session, initialisation, lambda: session.run("force-unlock", lock_id, force=IsFlagged))

    def _session(self, workspace: Workspace, watch: Watch, limits: Limits | None = None) -> Session:
        self._providers.create()
        given = self._cli_config or (
            Path(named) if (named := workspace.environment.get(CLI_CONFIG)) else None
        )
        configuration = cli_configuration(given, self._cache)
        confinement = Confinement(
            workspace=workspace,
            providers=self._providers,
            own=os.environ,
            home=workspace.data / HOME,
            cli_config=configuration,
            settings=self._cache,
        )
        return Session(workspace, watch, confinement, limits or self._limits, self._identify)

    def _ready(self, session: Session) -> Initialisation:
        """Initialised, and with no state left that was not pushed."""
        workspace = session.workspace
        initialisation = self._initialise(session)
        if errored_of(workspace).rescue():
            self._push(session, initialisation)
        return initialisation

    def _initialise(self, session: Session) -> Initialisation:
        make_fit(session.workspace.data)
        make_fit_beside(session.workspace.backend)
        leave_states_out(session.workspace.root)
        binary = session.workspace.binary
        terraform = identify_terraform(locate(binary), self.version(binary))
        initialisation = Initialisation(session, self._providers, terraform)
        failed = initialisation.prepare()
        if failed:
            raise self._failure(session, failed)
        return initialisation

    def _repeated(
        self,
        session: Session,
        initialisation: Initialisation,
        command: Callable[[], Outcome],
        *,
        destroys: bool = False,
    ) -> Outcome:
        """Runs a command, and again after each thing that could be mended."""
        for _ in range(_ATTEMPTS):
            outcome = command()
            if outcome.succeeded:
                return outcome
            mended = initialisation.mend(outcome.transcript)
            if isinstance(mended, Outcome):
                raise self._failure(session, mended)
            if not mended:
                break
        raise self._failure(session, outcome, destroys=destroys)

    def _push(self, session: Session, initialisation: Initialisation) -> None:
        errored = errored_of(session.workspace)
        errored.check_whole()
        set_aside_torn(session.workspace.backend)
        try:
            errored.check_may_follow(self._pull(session, initialisation))
            self._repeated(session, initialisation, lambda: session.run("state push", str(errored.kept)))
        except Transient as error:
            raise Transient(
                f"The state that an earlier run could not write is still kept in {errored.kept}, and pushed "
                f"before anything else: {error}"
            ) from error
        errored.pushed()

    def _pull(self, session: Session, initialisation: Initialisation) -> bytes:
        """The state that the backend has now; empty where it has none."""
        text = b""

        def pull() -> Outcome:
            nonlocal text
            outcome, text = session.document("state pull", json=False)
            return outcome

        self._repeated(session, initialisation, pull)
        return text

    def _failure(self, session: Session, outcome: Outcome, *, destroys: bool = False) -> EnvmgrError:
        error = outcome.transcript.error()
        is_invalid = (
            outcome.command in {"init", "plan"}
            and outcome.ended.cause is None
            and error is not None
            and error.location is not None
            and _is_invalid(session, error)
        )
        return failure(
            outcome,
            self._limits.timeout,
            session.watch.redact,
            is_invalid=is_invalid,
            folder=session.workspace.folder,
            destroys=destroys,
        )


def _plan(session: Session, **options: Any) -> Outcome:
    """Plans; null is no value of a variable that has a default, and is null for one that must have a value."""
    variables = session.workspace.variables
    outcome = _plan_with(session, without_null(variables), **options)
    missing = missing_variables(outcome) & variables.keys()
    if not missing:
        return outcome
    return _plan_with(session, without_null(variables) | dict.fromkeys(missing), **options)


def _plan_with(session: Session, variables: Mapping[str, object], **options: Any) -> Outcome:
    """Plans into a private file that is made anew, so that no old plan is ever taken for this one."""
    out = session.workspace.data / _PLAN
    clear(out)
    # Made by us first: private, and no link that a branch's process put there.
    backend.write_new(out, "")
    with variables_file(variables) as given:
        outcome = session.run(
            "plan",
            keep_open=(given.descriptor,),
            json=IsFlagged,
            input=False,
            detailed_exitcode=IsFlagged,
            out=str(out),
            var_file=given.path,
            **options,
        )
    if not outcome.succeeded:
        clear(out)
    return outcome


def _shown(session: Session, plan: PlanFile, *, json: bool = True) -> tuple[Outcome, bytes]:
    with unchangeable(plan) as (path, descriptor):
        return session.document("show", path, json=json, keep_open=(descriptor,))


def _applied(session: Session, plan: PlanFile, *, given: bool) -> Outcome:
    """Applies a plan, with the values that it was made with: all that Terraform finds elsewhere is compared with it.

    Without them where none may be `given`, and none are looked for.
    """
    values = without_null(session.workspace.variables)
    with unchangeable(plan) as (path, descriptor), variables_file(values) as file:
        return session.run(
            "apply",
            path,
            keep_open=(descriptor, file.descriptor),
            json=IsFlagged,
            input=False,
            var_file=file.path if given else None,
        )


def _is_invalid(session: Session, error: Diagnostic) -> bool:
    """Whether `validate` refuses the code for the same reason: then only a new commit helps."""
    _, text = session.document("validate")
    try:
        found = [Diagnostic.from_json(item) for item in json.loads(text).get("diagnostics") or ()]
    except (ValueError, TypeError, AttributeError):
        return False
    return any((each.summary, each.location) == (error.summary, error.location) for each in found)
