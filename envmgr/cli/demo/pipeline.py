"""From a push to production, told step by step: built once, tested, approved, promoted; each claim is checked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envmgr.cli.screen import colored
from envmgr.commands import freezing
from envmgr.commands.freezing import Spot
from envmgr.commands.pipeline.approvals import approve_plan, awaiting
from envmgr.domain.values.environment import RunKind, Status

from .repository import DemoRepository
from .stage import Stage, claim

_APP = Path(__file__).with_name("app.py")
_EVERYTHING = Spot("demo")


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Walks through the steps; `tell` says a line to who watches."""

    stage: Stage
    repository: DemoRepository
    tell: Callable[[str], None]

    def run(self) -> None:
        """All steps."""
        self.pushes()
        self.releases("v1.0.0", "The shop is open.")
        self.fails_the_tests()
        self.mends()
        self.releases("v1.2.0", "Everything must go.")
        self.freezes()
        self.moves_the_tag()

    def pushes(self) -> None:
        """A push to main is built, applied, deployed and tested in staging."""
        self.step("A small web application is pushed to main, which staging follows.")
        self._push("The shop is open.", "Opens the shop")
        self._claim_said("staging", "The shop is open.", "built of")
        claim(self._builds() == 1, "it was built once")
        self._tell_tests()

    def releases(self, tag: str, news: str) -> None:
        """A tag becomes production: what staging had, once a person has approved just that plan."""
        self.step(f"The commit is tagged {tag}, which production follows, after staging and by approval.")
        built = self._builds()
        commit = self.repository.tag(tag)
        self.stage.passes(lambda: self._waits_for_approval(commit))
        self._tell_status("production")
        self.step("`envmgr approve production`: somebody looks at the plan, and says yes.")
        approve_plan(self.stage.runtime, self.stage.record("production"))
        self.stage.passes(lambda: self._is_ready("production"))
        self._claim_said("production", news, "built of")
        claim(self._builds() == built, "a promotion builds nothing")
        self.tell("  nothing was built for it: production got what staging had")

    def fails_the_tests(self) -> None:
        """What fails staging's tests never comes to production, whatever it is tagged."""
        self.step("A push to main closes the shop: it is deployed to staging, and its test fails.")
        self._push("Closed for good.", "Closes the shop", Status.FAILED)
        self._tell_status("staging")
        commit = self.repository.tag("v1.1.0")
        self.step("All the same it is tagged v1.1.0.")
        self.stage.passes(lambda: self._waits(commit), may_fail="staging")
        self._tell_status("production")
        self._claim_said("production", "The shop is open.")

    def mends(self) -> None:
        """The next push passes."""
        self.step("The next push to main mends it.")
        self._push("Everything must go.", "Opens it again")
        self._claim_said("staging", "Everything must go.")
        self._tell_tests()

    def freezes(self) -> None:
        """The brake: nothing is applied until the thaw."""
        self.step("`envmgr freeze demo --reason stock-taking`, and somebody pushes to main.")
        freezing.freeze(self.stage.runtime, _EVERYTHING, "stock-taking", None)
        commit = self.repository.push("main", _app("Ten left."), "Counts")
        self.stage.passes(lambda: self._has(commit, Status.WAITING))
        self._tell_status("staging")
        self.step("`envmgr thaw demo`")
        freezing.thaw(self.stage.runtime, _EVERYTHING)
        self.stage.passes(lambda: self._has(commit, Status.READY))
        self._claim_said("staging", "Ten left.")

    def moves_the_tag(self) -> None:
        """A tag that moves is an attack or an accident: a person decides."""
        self.step("Somebody moves the tag v1.2.0 to the newest commit.")
        self.repository.tag("v1.2.0", moves=True)
        self.stage.passes(lambda: self.stage.record("production").status is Status.WAITING)
        self._tell_status("production")
        self._claim_said("production", "Everything must go.")

    def step(self, what: str) -> None:
        """Begins a step."""
        self.tell(f"\n{what}")

    def _push(self, news: str, message: str, comes_to: Status = Status.READY) -> None:
        """Pushes to main and works until staging came to something with that commit."""
        commit = self.repository.push("main", _app(news), message)
        failing = "staging" if comes_to is Status.FAILED else ""
        self.stage.passes(lambda: self._has(commit, comes_to), may_fail=failing)

    def _has(self, commit: str, status: Status) -> bool:
        found = self.stage.record("staging")
        return (found.commit, found.status) == (commit, status)

    def _waits_for_approval(self, commit: str) -> bool:
        proposal = awaiting(self.stage.record("production"))
        return proposal is not None and proposal.commit == commit

    def _waits(self, commit: str) -> bool:
        found = self.stage.record("production")
        return (found.commit, found.status) == (commit, Status.WAITING)

    def _is_ready(self, name: str) -> bool:
        return self.stage.record(name).status is Status.READY

    def _builds(self) -> int:
        """How often anything was built."""
        return sum(run.kind is RunKind.BUILD for run in self.stage.runtime.services.store.runs())

    def _claim_said(self, name: str, *words: str) -> None:
        self.stage.claim_answer(name, *words)
        self.tell(f"  {name} at {self.stage.record(name).applied.url} says “{words[0]}”")

    def _tell_status(self, name: str) -> None:
        found = self.stage.record(name)
        self.tell(f"  `envmgr list` says of {name}: {colored(found.status)}: {found.said}")

    def _tell_tests(self) -> None:
        verdict = self.stage.record("staging").tests
        passed = (
            [each.name for each in verdict.results] if verdict is not None and verdict.have_passed else []
        )
        claim(bool(passed), "staging was tested")
        self.tell(f"  its tests passed: {', '.join(passed)}")


def _app(news: str) -> dict[str, str]:
    """The application with some news."""
    return {"app.py": _APP.read_text().replace("The shop opens soon.", news)}
