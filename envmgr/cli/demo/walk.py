"""The whole life of two environments and their application, told step by step; each claim is checked."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from envmgr.cli.screen import colored
from envmgr.commands import rollback, steering
from envmgr.domain.values.environment import RunKind, RunStatus, Status

from .repository import DemoRepository
from .servers import is_served
from .stage import Stage, claim

GRACE = "3s"
_SLOW = 10.0  # seconds; what is said is measured, what is claimed leaves room for a busy machine
_APP = Path(__file__).with_name("app.py")


@dataclass(slots=True, kw_only=True)
class Demo:
    """Walks through the steps; `tell` says a line to who watches.

    `ports` are those of the environments' applications, by the environments' names.
    """

    stage: Stage
    repository: DemoRepository
    ports: Mapping[str, int]
    tell: Callable[[str], None]

    def run(self, *, keep_second: bool) -> None:
        """All steps; `keep_second` leaves the second environment for who wants to try verbs on it."""
        self.pushes()
        self.changes_infrastructure()
        self.changes_code()
        self.breaks_code()
        self.mends_code()
        self.rolls_back()
        self.resumes()
        self.deletes("alice")
        if not keep_second:
            self.deletes("bob", brief=True)

    def pushes(self) -> None:
        """Two branches appear, and each gets an environment with its application."""
        self.step(
            "Two branches are pushed, each with a small web application (app.py): env-alice and env-bob."
        )
        for name in self.ports:
            files = {**self._settings(name, f"Hello from {name}"), **_app("The shop opens soon.")}
            self.repository.push(f"env-{name}", files, f"Environment of {name}")
        self.stage.passes(lambda: all(self._is_ready(name) for name in self.ports))
        for name in self.ports:
            self.stage.claim_answer(name, f"Hello from {name}", "The shop opens soon.")
            self.tell(
                f"  {name} is ready: {self._url(name)} says “Hello from {name}” and “The shop opens soon.”"
            )
        tags = json.loads((self.stage.folder("alice") / "envmgr.json").read_text())["tags"]
        claim(tags["environment"] == "alice" and tags["managed-by"] == "envmgr", "alice is tagged")
        self.tell(f"  everything alice has is tagged {', '.join(f'{key}={tags[key]}' for key in tags)}")

    def changes_infrastructure(self) -> None:
        """A push that changes what Terraform is given changes the environment."""
        self.step(
            "A push to env-alice changes its infrastructure: the page's message and colour (.envmgr.yaml)."
        )
        before, of_bob = self._applies("alice"), len(self.stage.runs("bob"))
        self._push(self._settings("alice", "Alice was here", "teal"), "Another colour")
        self.stage.claim_answer("alice", "Alice was here", "teal", "The shop opens soon.")
        claim(self._applies("alice") == before + 1, "one more plan was applied")
        claim(len(self.stage.runs("bob")) == of_bob, "bob was not touched")
        self.tell(
            f"  {self._url('alice')} says “Alice was here”, after one more plan and apply; bob was not touched"
        )

    def changes_code(self) -> None:
        """A push that changes no infrastructure brings the new code to run without Terraform."""
        self.step("A push to env-alice changes only the application's code.")
        before, began = self._applies("alice"), time.monotonic()
        self._push(_app("The shop is open."), "Opens the shop")
        self.stage.claim_answer("alice", "The shop is open.", "Alice was here")
        taken = time.monotonic() - began
        claim(taken < _SLOW, "new code answers within seconds")
        claim(self._applies("alice") == before, "no Terraform ran")
        self.tell(
            f"  it says “The shop is open.” {taken:.1f} s after the push (envmgr looks once a second), "
            "and no Terraform process was started"
        )

    def breaks_code(self) -> None:
        """A push that cannot be deployed fails, and what was deployed before serves on."""
        self.step("A push to env-alice breaks the code: a quotation mark is missing.")
        self._push({"app.py": _app("Sale!")["app.py"].replace('Sale!"', "Sale!")}, "Sale", Status.FAILED)
        broken = self.stage.record("alice")
        run = self.stage.runs("alice")[0]
        claim((run.kind, run.status) == (RunKind.DEPLOY, RunStatus.FAILED), "its deploy failed")
        claim(bool(broken.message), "the failure says what is wrong with the code")
        self.tell(f"  `envmgr list` says {colored(broken.status)}: {broken.message}")
        self.stage.claim_answer("alice", "The shop is open.")
        self.tell(
            "  and yet its page says “The shop is open.”, as the step `check` comes before the step `stop`"
        )

    def mends_code(self) -> None:
        """The next push is deployed as if nothing had been."""
        self.step("The corrected code is pushed.")
        began = time.monotonic()
        self._push(_app("Sale!"), "Sale, with its quotation mark")
        self.stage.claim_answer("alice", "Sale!")
        self.tell(f"  ready again: the page says “Sale!” {time.monotonic() - began:.1f} s after the push")

    def rolls_back(self) -> None:
        """An earlier commit runs again and is held there."""
        self.step("`envmgr rollback alice --to previous`: the sale was a mistake.")
        began = time.monotonic()
        found = self.stage.record("alice")
        rolled = rollback.roll_back(self.stage.runtime, found, "previous", lambda _, __: True)
        self.stage.claim_answer("alice", "The shop is open.")
        taken = time.monotonic() - began
        claim(rolled.status is Status.READY and rolled.pin is not None, "alice is held at the commit before")
        self.tell(
            f"  the page says “The shop is open.” after {taken:.1f} s, and is held there, whatever is pushed"
        )

    def resumes(self) -> None:
        """A held environment goes to its branch's newest commit again."""
        self.step("`envmgr resume alice`: it was no mistake.")
        steering.resume(self.stage.runtime, self.stage.record("alice"))
        self.stage.passes(lambda: self._is_ready("alice"))
        self.stage.claim_answer("alice", "Sale!")
        self.tell("  the page says “Sale!” again, as the branch's newest commit does")

    def deletes(self, name: str, *, brief: bool = False) -> None:
        """A deleted branch takes its environment with it, after the grace period."""
        self.step(f"The branch env-{name} is deleted.")
        folder, url = self.stage.folder(name), self._url(name)
        self.repository.delete(f"env-{name}")
        self.stage.passes(lambda: self.stage.record(name).absences > 0)
        claim(folder.is_dir() and is_served(url), "nothing is destroyed at first sight")
        if not brief:
            self.tell(
                f"  envmgr wants to see that twice, and then waits for the grace period of {GRACE}: it may come back"
            )
        self.stage.passes(lambda: self.stage.record(name).status is Status.DESTROYED)
        claim(not is_served(url), f"nothing answers at {url} any more")
        claim(not folder.exists(), f"{folder} is gone")
        states = self.stage.runtime.services.organizations["demo"].state().keys()
        claim(self.stage.identity(name).state_key not in states, "its state is archived")
        self.tell(
            "  its application was stopped, then everything was destroyed with the code last applied, and verified:"
        )
        self.tell(f"  nothing answers at {url}, {folder} is gone, its state is archived")

    def step(self, what: str) -> None:
        """Begins a step."""
        self.tell(f"\n{what}")

    def _push(self, files: Mapping[str, str], message: str, comes_to: Status = Status.READY) -> None:
        """Pushes to env-alice and works until that commit came to something."""
        commit = self.repository.push("env-alice", files, message)

        def came() -> bool:
            found = self.stage.record("alice")
            return found.commit == commit and found.status is comes_to

        self.stage.passes(came, may_fail="alice" if comes_to is Status.FAILED else "")

    def _is_ready(self, name: str) -> bool:
        return self.stage.record(name).status is Status.READY

    def _applies(self, name: str) -> int:
        """How many runs an environment had that start Terraform."""
        return sum(run.kind is not RunKind.DEPLOY for run in self.stage.runs(name))

    def _url(self, name: str) -> str:
        return self.stage.record(name).applied.url or ""

    def _settings(self, name: str, message: str, color: str = "navy") -> dict[str, str]:
        """A branch file that gives Terraform input variables."""
        text = f"variables:\n  message: {message}\n  color: {color}\n  port: {self.ports[name]}\n"
        return {".envmgr.yaml": text}


def _app(news: str) -> dict[str, str]:
    """The application with some news."""
    return {"app.py": _APP.read_text().replace("The shop opens soon.", news)}
