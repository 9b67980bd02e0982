"""Terraform that is signed in for one run of one environment, command by command."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.environment import Output, ProcessId
from envmgr.ports import Attended, PlanFile, PlanResult, SignIn, Terraform, Watch, Workspace

from .state.errored_state import errored_of


class SignedIn:
    """Gives each command of a Terraform the credentials of its use, for as long as it runs."""

    def __init__(self, terraform: Terraform, sign_in: SignIn) -> None:
        """Workspaces that are nobody's are left as they are."""
        self._terraform = terraform
        self._sign_in = sign_in

    @contextmanager
    def _as(self, use: Credentials, workspace: Workspace) -> Iterator[Workspace]:
        if workspace.holder is None:
            yield workspace
            return
        initial = partial(self._sign_in, workspace.holder, Credentials.BACKEND, workspace.environment)
        with self._sign_in(workspace.holder, use, workspace.environment) as environment:
            yield replace(workspace, environment=environment, initial=initial)

    def version(self, binary: str) -> str:
        """See the port."""
        return self._terraform.version(binary)

    def plan(self, workspace: Workspace, out: Path, watch: Watch, *, destroy: bool = False) -> PlanResult:
        """See the port."""
        with self._as(Credentials.READING, workspace) as space:
            return self._terraform.plan(space, out, watch, destroy=destroy)

    def pack_modules(self, data: Path, digest: str, archive: Path) -> bool:
        """See the port."""
        return self._terraform.pack_modules(data, digest, archive)

    def show(self, workspace: Workspace, plan: PlanFile) -> Plan:
        """See the port."""
        with self._as(Credentials.NONE, workspace) as space:
            return self._terraform.show(space, plan)

    def document(self, workspace: Workspace, plan: PlanFile) -> Mapping[str, Any]:
        """See the port."""
        with self._as(Credentials.NONE, workspace) as space:
            return self._terraform.document(space, plan)

    def findings(self, workspace: Workspace, check: Literal["validate", "fmt"]) -> Sequence[str]:
        """See the port."""
        with self._as(Credentials.NONE, workspace) as space:
            return self._terraform.findings(space, check)

    def render(self, workspace: Workspace, plan: PlanFile) -> str:
        """See the port."""
        with self._as(Credentials.NONE, workspace) as space:
            return self._terraform.render(space, plan)

    def apply(self, workspace: Workspace, plan: PlanFile, watch: Watch) -> Mapping[str, Output]:
        """See the port."""
        with self._as(Credentials.WRITING, workspace) as space:
            return self._terraform.apply(space, plan, watch)

    def adopt(self, workspace: Workspace, child: ProcessId | None, watch: Watch) -> Attended:
        """See the port. What is adopted reads its credentials where whoever started it had put them."""
        with self._as(Credentials.WRITING, workspace) as space:
            return self._terraform.adopt(space, child, watch)

    def push_errored_state(self, workspace: Workspace, watch: Watch) -> bool:
        """See the port. Mostly there is none, and nobody is asked for credentials."""
        if not errored_of(workspace).rescue():
            return False
        with self._as(Credentials.WRITING, workspace) as space:
            return self._terraform.push_errored_state(space, watch)

    def unlock(self, workspace: Workspace, lock_id: str, watch: Watch) -> None:
        """See the port."""
        with self._as(Credentials.WRITING, workspace) as space:
            self._terraform.unlock(space, lock_id, watch)
