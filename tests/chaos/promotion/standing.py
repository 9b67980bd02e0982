"""How staging and production stand when a process has ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import Environment, Guard, RunStatus
from envmgr.domain.values.names import EnvironmentId
from tests.chaos.promotion.witness import PRODUCTION, STAGING, Permit, acts
from tests.chaos.promotion.world import label


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One environment's record and what hangs on it.

    `asks`: its plan waits for a person's word. `approved`: it was given, and nothing was applied yet. `text` and
    `actions` are of the proposal. `ids` is the state's output of that name.
    """

    status: str
    message: str
    applied_commit: str | None
    proposed_commit: str
    asks: bool
    approved: bool
    text: str
    actions: tuple[tuple[str, str], ...]
    running: tuple[int, ...]
    lock: str
    ids: Mapping[str, str]

    @property
    def permit(self) -> Permit:
        """The proposal, as a person reads it; it may change no infrastructure."""
        version, size = label(self.text) if self.actions else (0, "")
        return Permit(version, size, acts(self.actions))


@dataclass(frozen=True, slots=True)
class Standings:
    """Both environments, as far as they are known."""

    environments: Mapping[str, Standing]
    leases: tuple[str, ...]

    @classmethod
    def take(cls, application: Runtime) -> "Standings":
        """Looks."""
        services = application.services
        found = {}
        for name in (STAGING, PRODUCTION):
            environment = services.store.environment(EnvironmentId("acme", "shop", name))
            if environment is not None:
                found[name] = _standing(application, environment)
        return cls(
            found, tuple(str(lease.owner) for lease in services.store.leases(services.clock()).values())
        )

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> "Standings":
        """From a report."""
        environments = {
            name: Standing(**{**found, "actions": tuple(map(tuple, found["actions"]))})
            for name, found in document["environments"].items()
        }
        return cls(environments, tuple(document["leases"]))


def _standing(application: Runtime, environment: Environment) -> Standing:
    services, key = application.services, environment.id.state_key
    states = services.organizations["acme"].state()
    state = states.read(key) if environment.claim else None
    lock = states.lock(key) if environment.claim else None
    proposal = environment.proposal
    is_held = environment.hold.guard is Guard.APPROVAL
    ids: Any = state.outputs["ids"].value if state and "ids" in state.outputs else {}
    runs = services.store.runs(environment.id)
    return Standing(
        status=environment.status,
        message=environment.message,
        applied_commit=environment.applied.commit,
        proposed_commit=proposal.commit if proposal else "",
        asks=proposal is not None and is_held and proposal.missing > 0,
        approved=proposal is not None and not proposal.missing,
        text=proposal.text if proposal else "",
        actions=proposal.actions if proposal else (),
        running=tuple(run.id for run in runs if run.status is RunStatus.RUNNING),
        lock=str(lock or ""),
        ids=ids,
    )
