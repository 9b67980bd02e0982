"""The whole life of two environments in a temporary folder, told step by step; each claim is checked."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envmgr.daemon.application import Application
from envmgr.domain.environment import Environment, Status
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.names import EnvironmentId

from .demo_repository import DemoRepository

_PATIENCE = 40.0  # seconds for one step
_PASS = 1.0  # seconds between two looks at the repository
GRACE = "3s"


class ClaimFailed(EnvmgrError):
    """Something that the demo says is not so."""


@dataclass(slots=True, kw_only=True)
class Demo:
    """Walks through the steps with a real application; `tell` says a line to who watches."""

    application: Application
    repository: DemoRepository
    tell: Callable[[str], None]

    def run(self, *, keep_second: bool) -> None:
        """All steps; `keep_second` leaves the second environment for who wants to try verbs on it."""
        self.pushes()
        self.changes()
        self.changes_code_only()
        self.deletes("alice")
        if not keep_second:
            self.deletes("bob", brief=True)

    def pushes(self) -> None:
        """Two branches appear, and each gets an environment."""
        self.step("Two branches are pushed: env-alice and env-bob.")
        for name in ("alice", "bob"):
            self.repository.push(f"env-{name}", _settings(f"Hello from {name}"), f"Environment of {name}")
        self.passes(lambda: all(self.record(n).status is Status.READY for n in ("alice", "bob")))
        for name in ("alice", "bob"):
            page = self.page(name)
            self.claim(f"Hello from {name}" in page.read_text(), f"{page} greets from {name}")
            self.tell(f"  {name} is ready, and says “Hello from {name}” at {self.record(name).url}")
        tags = self.tags("alice")
        self.claim(tags["environment"] == "alice" and tags["managed-by"] == "envmgr", "alice is tagged")
        self.tell(
            f"  all that alice has is tagged {', '.join(f'{key}={value}' for key, value in tags.items())}"
        )

    def changes(self) -> None:
        """A push that changes what Terraform is given changes the environment."""
        self.step("A push to env-alice changes its message and colour (.envmgr.yaml).")
        before, of_bob = self.runs("alice"), self.runs("bob")
        commit = self.repository.push("env-alice", _settings("Alice was here", "teal"), "Another colour")
        self.passes(lambda: self.record("alice").applied_commit == commit)
        text = self.page("alice").read_text()
        self.claim("Alice was here" in text and "teal" in text, "the page shows the new message")
        self.claim(self.runs("alice") == before + 1, "one more plan was applied")
        self.claim(self.runs("bob") == of_bob, "bob was not touched")
        self.tell("  the page shows it, after one more plan and apply; bob was not touched")

    def changes_code_only(self) -> None:
        """A push that changes no infrastructure starts no Terraform."""
        self.step("A push to env-alice changes only the program's code.")
        before = self.runs("alice")
        commit = self.repository.push("env-alice", {"app.py": "print('hello')\n"}, "Code only")
        self.passes(lambda: self.record("alice").applied_commit == commit)
        self.claim(self.runs("alice") == before, "no Terraform ran")
        self.tell(f"  ready at {commit[:10]}, and no Terraform process was started")

    def deletes(self, name: str, *, brief: bool = False) -> None:
        """A deleted branch takes its environment with it, after the grace period."""
        self.step(f"The branch env-{name} is deleted.")
        folder = self.page(name).parent
        self.repository.delete(f"env-{name}")
        self.passes(lambda: self.record(name).absences > 0)
        self.claim(folder.is_dir(), "nothing is destroyed at first sight")
        if not brief:
            self.tell(
                f"  envmgr wants to see that twice, and waits the grace period of {GRACE}: it may come back"
            )
        self.passes(lambda: self.record(name).status is Status.DESTROYED)
        self.claim(not folder.exists(), f"{folder} is gone")
        key = self.identity(name).state_key
        states = self.application.services.tenants["demo"].state().keys()
        self.claim(key not in states, "its state is archived")
        self.tell(
            f"  destroyed with what was last applied, and verified: {folder} is gone, its state is archived"
        )

    # --- what it is made of ----------------------------------------------------------------------

    def step(self, what: str) -> None:
        """Begins a step."""
        self.tell(f"\n{what}")

    def claim(self, holds: bool, what: str) -> None:
        """Stops the demo where what it says is not so."""
        if not holds:
            raise ClaimFailed(f"The demo claims that {what}, but that is not so: please report it.")

    def passes(self, until: Callable[[], bool]) -> None:
        """Polls and works, as the daemon does, until something is so."""
        application = self.application
        projects = list(application.services.projects.values())
        end = time.monotonic() + _PATIENCE
        while not application.stopping.is_set():
            polled = application.poller.poll_all(projects, application.poll_workers)
            application.workers.run_until_settled(projects, frozenset())
            failed = [p.error for p in polled if p.error] or self.failures()
            if failed:
                raise NeedsPerson(failed[0])
            if until():
                return
            if time.monotonic() > end:
                raise ClaimFailed("A step of the demo took too long; `envmgr demo --keep` leaves its logs.")
            time.sleep(_PASS)

    def failures(self) -> list[str]:
        """What went wrong, if anything."""
        found = self.application.services.store.environments()
        return [e.message for e in found if e.status is Status.FAILED]

    def identity(self, name: str) -> EnvironmentId:
        """An environment of the demo."""
        return EnvironmentId("demo", "shop", name)

    def record(self, name: str) -> Environment:
        """An environment's record as it is now."""
        found = self.application.services.store.environment(self.identity(name))
        if found is None:
            raise ClaimFailed(f"The branch env-{name} was not seen.")
        return found

    def runs(self, name: str) -> int:
        """How many runs an environment has had."""
        return len(self.application.services.store.runs(self.identity(name)))

    def page(self, name: str) -> Path:
        """The page that is the environment."""
        return Path(str(self.record(name).outputs["directory"].value)) / "index.html"

    def tags(self, name: str) -> dict[str, str]:
        """The tags on the environment."""
        mark = json.loads((self.page(name).parent / "envmgr.json").read_text())
        return dict(mark["tags"])


def _settings(message: str, color: str = "navy") -> dict[str, str]:
    """A branch file that gives Terraform other input variables."""
    return {".envmgr.yaml": f"variables:\n  message: {message}\n  color: {color}\n"}
