"""A world whose repository is on a forge, with an environment for each pull request."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.forge import (
    ApprovedHead,
    KnownPullRequest,
    Permission,
    PreviewRules,
    PullRequestState,
)
from tests.support.memory_forge import ALICE, MemoryForge, pull_request

from .rules import MODULE, SHOP, Rules
from .world import World

CAGED = CageRules(kind="bwrap")


class PreviewWorld(World):
    """Pull requests of Alice's, who may write to the repository."""

    def __init__(self, folder: Path, previews: PreviewRules | None = None, **rules: Any) -> None:
        self.forge = MemoryForge(permissions={ALICE.id: Permission.WRITE})
        asked = previews if previews is not None else PreviewRules()
        super().__init__(folder, Rules(forge=self.forge, previews=asked, **rules))

    def asks(self, **changes: Any) -> None:
        """The configuration is another from now on; `previews` may be None."""
        self.rules = replace(self.rules, **changes)
        self.daemon.restart()

    def opens(self, number: int = 7, head: str = "topic", module: str = MODULE, **told: Any) -> str:
        """Somebody pushes a branch, or to a fork, and opens a pull request; its head."""
        commit = self.pushes(number, head, module, is_from_fork=bool(told.get("is_from_fork")))
        self.forge.requests[number] = pull_request(number, head, commit=commit, **told)
        return commit

    def pushes(
        self, number: int = 7, head: str = "topic", module: str = MODULE, *, is_from_fork: bool = False
    ) -> str:
        """A commit on the head of a pull request."""
        branch = f"fork-{number}" if is_from_fork else head
        commit = self.shop.commit(branch, self.rules.files(module))
        self.shop.pulls[f"refs/pull/{number}/head"] = commit
        if is_from_fork:
            del self.shop.refs[branch]
        if number in self.forge.requests:
            self.forge.requests[number] = replace(self.forge.requests[number], commit=commit)
        return commit

    def tells(self, number: int = 7, **told: Any) -> None:
        """The forge says otherwise of a pull request."""
        self.forge.requests[number] = replace(self.forge.requests[number], **told)

    def ends(self, number: int = 7, state: PullRequestState = PullRequestState.MERGED) -> None:
        """A pull request is merged or closed, and its branch deleted."""
        if not self.forge.requests[number].is_from_fork:
            self.shop.refs.pop(self.forge.requests[number].head, None)
        self.tells(number, state=state)

    def approves(self, commit: str, number: int = 7) -> None:
        """A person lets the head of a fork be run."""
        approved = ApprovedHead(commit, "github:carol", self.now)
        self.store.pull_requests.change(
            SHOP, number, lambda known: known and replace(known, approved=approved)
        )

    def known(self, number: int = 7) -> KnownPullRequest:
        """What is known of a pull request."""
        found = self.store.pull_requests.get(SHOP, number)
        assert found is not None
        return found

    def look(self) -> None:
        """The daemon looks at the forge; one that is away is no end of it."""
        application = self.daemon.application
        watch = ForgeWatch(application, lambda _: None)
        try:
            watch.look(application.services.repositories[SHOP])
        except EnvmgrError:
            return
        finally:
            watch.close()

    def both(self, times: int = 1, **pause: float) -> None:
        """The daemon looks at the forge, then at the remote, and works; so many times, after a pause."""
        for _ in range(times):
            self.forward(**pause)
            self.look()
            self.turn()

    def previews(self) -> list[Environment]:
        """The open environments."""
        return list(self.store.environments())
