"""What a pass finds of the environment when it has ended."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.domain.values.names import EnvironmentId

ALICE = EnvironmentId("acme", "shop", "alice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The environment's record, its runs, and what is kept for it anywhere.

    `resources` are the addresses in state, None where there is no state; `ids` is the state's output of that
    name. `beside` is what a destroyed environment has left in the state store.
    """

    status: str
    message: str
    commit: str
    applied_commit: str | None
    running: tuple[int, ...]
    destroys: int
    lock: str | None
    leases: tuple[str, ...]
    resources: tuple[str, ...] | None
    ids: Mapping[str, str]
    beside: tuple[str, ...]
    archived: int
    kept: tuple[str, ...]
    workspace: bool
    leftovers: tuple[str, ...]

    @classmethod
    def take(cls, application: Runtime) -> "Observation | None":
        """Looks; None where the environment is not known yet."""
        services = application.services
        environment = services.store.environment(ALICE)
        if environment is None:
            return None
        runs = services.store.runs(ALICE)
        states = services.organizations["acme"].state()
        gone = environment.status is Status.DESTROYED
        lock = states.lock(ALICE.state_key) if environment.claim or gone else None
        state = states.read(ALICE.state_key) if environment.claim or gone else None
        workspace = services.layout.workspace(ALICE)
        ids: Any = state.outputs["ids"].value if state and "ids" in state.outputs else {}
        # Copies of a closed environment's state are counted by taking them away.
        archived = states.prune(services.clock() + timedelta(days=999)) if gone else 0
        return cls(
            status=environment.status,
            message=environment.message,
            commit=environment.commit,
            applied_commit=environment.applied.commit,
            running=tuple(run.id for run in runs if run.status is RunStatus.RUNNING),
            destroys=sum(run.kind is RunKind.DESTROY for run in runs),
            lock=str(lock) if lock else None,
            leases=tuple(str(lease.owner) for lease in services.store.leases(services.clock()).values()),
            resources=state.resources if state else None,
            ids=ids,
            beside=tuple(states.objects(ALICE.state_key.rpartition("/")[0] + "/")) if gone else (),
            archived=archived,
            kept=_kept(services.layout.mirrors / "acme" / "shop.git"),
            workspace=workspace.exists(),
            leftovers=tuple(
                str(path.relative_to(workspace))
                for name in ("errored.tfstate", "plan.tfplan")
                for path in workspace.rglob(name)
                if path.read_bytes().strip(b"\0 \n")  # room that is held for a state is none
            ),
        )


def _kept(mirror: Path) -> tuple[str, ...]:
    if not mirror.is_dir():
        return ()
    command = ["git", "-C", str(mirror), "for-each-ref", "--format=%(refname)", "refs/envmgr/"]
    return tuple(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
