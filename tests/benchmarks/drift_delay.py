"""What a push notices of the drift checks of fifty environments, against the same push with drift off."""

import time

from envmgr.daemon.drift_watch import DriftWatch
from envmgr.domain.values.environment import RunKind, RunStatus
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject
from tests.support.engine import MODULE, code

ENVIRONMENTS = 50
PUSHES = 5
_GOLDEN = 0.618
"""Steps of this part of it spread any number of pushes evenly."""
_PERIOD = 0.5
"""Seconds over which pushes are spread: some checks."""
_LONGEST = 60.0


class Checked:
    """Environments whose drift checks never end, and another one that is pushed to."""

    def __init__(self, subject: Subject) -> None:
        """Apply all once."""
        self._subject = subject
        shop = subject.repository("shop")
        self._app = subject.repository("app", drift={"action": "off"})
        shop.point((f"env-n{n}" for n in range(ENVIRONMENTS)), shop.commit("main", code()))
        self._push()
        for number in range(ENVIRONMENTS):
            subject.ready(f"n{number}")

    def push_alone(self, _: int) -> float:
        """Seconds from a push, seen at once, to its environment as it wants it."""
        return self._push()

    def push_in_a_round(self, number: int) -> float:
        """The same while one environment after the other is checked."""
        drift_watch = DriftWatch(self._subject.application)
        drift_watch.tick()
        try:
            self._wait_for_a_check()
            time.sleep(number * _GOLDEN % 1 * _PERIOD)
            return self._push()
        finally:
            drift_watch.close()
            if not drift_watch.wait(_LONGEST):
                raise RuntimeError("a drift check does not end")

    def _push(self) -> float:
        text = MODULE + f'\noutput "pushed" {{ value = "{time.monotonic_ns()}" }}\n'
        self._app.commit("env-warm", code(module=text))
        taken = seconds(self._subject.reconcile)
        self._subject.ready("warm", "app")
        return taken

    def _wait_for_a_check(self) -> None:
        deadline = time.monotonic() + _LONGEST
        while not self._is_checking():
            if time.monotonic() > deadline:
                raise RuntimeError("no drift check begins")
            time.sleep(0.005)

    def _is_checking(self) -> bool:
        running = self._subject.application.services.store.runs(status=RunStatus.RUNNING)
        return any(run.kind is RunKind.DRIFT and run.child is not None for run in running)


def drift_delay(laboratory: Laboratory) -> list[Comparison]:
    """The seconds from poll to `ready` on both sides, the patrol's checks in the way of one of them."""
    subject = Subject(
        laboratory.place("drift-delay"),
        terraform={"binary": laboratory.terraform},
        drift={"interval": "1s"},
    )
    try:
        checked = Checked(subject)
        ours, alone = interleaved(laboratory.rounds * PUSHES, checked.push_in_a_round, checked.push_alone)
        checks = subject.runs(RunKind.DRIFT)
    finally:
        subject.close()
    failed = [run.message for run in checks if run.status is RunStatus.FAILED]
    if failed:
        raise RuntimeError(f"{len(failed)} drift checks failed: {failed[0]}")
    return [
        Comparison(
            name=f"push to ready while {ENVIRONMENTS} environments are checked for drift",
            unit="s",
            ours=ours,
            by_hand=alone,
            limit=1.1,
            note=f"real Terraform without a provider, {len(checks)} checks; in place of `by hand`: the same push with "
            f"drift off; {PUSHES} pushes a round, in turn, each to another environment of the organization",
        )
    ]
