"""What the demo plays on: a real application that polls and works once a second, and looks at what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.environment import Environment, Run, Status
from envmgr.domain.values.names import EnvironmentId

from .servers import answer

_PATIENCE = 40.0  # seconds for one step
_INTERVAL = 1.0  # seconds from one look at the repository to the next, as `polling` says
_LOOK = 0.02


class ClaimFailed(EnvmgrError):
    """Something that the demo says is not so."""


def claim(holds: bool, what: str) -> None:
    """Stops the demo where what it says is not so."""
    if not holds:
        raise ClaimFailed(f"The demo claims that {what}, but that is not so: please report it.")


@dataclass(slots=True)
class Stage:
    """Environments of the repository `demo/shop`, by their names."""

    runtime: Runtime
    _polled_at: float = field(default=0.0, init=False)

    def passes(self, until: Callable[[], bool], *, may_fail: str = "") -> None:
        """Polls and works in the daemon's rhythm until something is so; `may_fail` names who may fail meanwhile.

        Raises NeedsPerson where a remote or another environment fails, KeyboardInterrupt once it is to stop.
        """
        end = time.monotonic() + _PATIENCE
        while True:
            self._wait_for_turn()
            self._pass(may_fail)
            if until():
                return
            if time.monotonic() > end:
                raise ClaimFailed("A step of the demo took too long; `envmgr demo --keep` leaves its logs.")

    def record(self, name: str) -> Environment:
        """An environment's record as it is now."""
        found = self.runtime.services.store.environment(self.identity(name))
        if found is None:
            raise ClaimFailed(f"The branch env-{name} was not seen.")
        return found

    def identity(self, name: str) -> EnvironmentId:
        """An environment of the demo."""
        return EnvironmentId("demo", "shop", name)

    def runs(self, name: str) -> Sequence[Run]:
        """The runs that an environment has had, the newest first."""
        return self.runtime.services.store.runs(self.identity(name))

    def folder(self, name: str) -> Path:
        """The folder that Terraform made for an environment."""
        return Path(str(self.record(name).applied.outputs["directory"].value))

    def page(self, name: str) -> str:
        """What an environment's URL answers now."""
        return answer(self.record(name).applied.url or "")

    def claim_answer(self, name: str, *words: str) -> None:
        """The page, asked until it answers at all, says these words."""
        end = time.monotonic() + _PATIENCE
        while not (page := self.page(name)) and time.monotonic() < end:
            self._pause(_LOOK)
        for said in words:
            claim(said in page, f"{self.record(name).applied.url} says “{said}”")

    def _pass(self, may_fail: str) -> None:
        runtime = self.runtime
        repositories = list(runtime.services.repositories.values())
        polled = runtime.poller.poll_all(repositories, runtime.poll_workers)
        runtime.workers.run_until_settled(repositories, frozenset())
        failed = [p.error for p in polled if p.error] or self._failures(may_fail)
        if failed and not runtime.stopping.is_set():
            raise NeedsPerson(failed[0])

    def _wait_for_turn(self) -> None:
        self._pause(self._polled_at + _INTERVAL - time.monotonic())
        self._polled_at = time.monotonic()

    def _pause(self, seconds: float) -> None:
        if self.runtime.stopping.wait(max(0.0, seconds)):
            raise KeyboardInterrupt

    def _failures(self, except_of: str) -> list[str]:
        found = self.runtime.services.store.environments()
        return [e.message for e in found if e.status is Status.FAILED and e.id.name != except_of]
