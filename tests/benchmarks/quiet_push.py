"""A push that changes no infrastructure: no Terraform, and little CPU time."""

from tests.benchmarks.by_hand import ByHand, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import cpu_milliseconds
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject
from tests.support.engine import code

_LOOK = (
    "git -C clone pull --quiet --ff-only && git -C clone diff --quiet HEAD@{1} HEAD -- terraform .envmgr.yaml"
)
_CLONE = 'git clone --quiet --branch env-alice -- "$1" clone'


def quiet_push(laboratory: Laboratory) -> list[Comparison]:
    """CPU milliseconds and Terraform processes from the poll that sees it to `ready`."""
    place = laboratory.place("quiet-push")
    subject = Subject(place)
    shop = subject.repository()
    shop.commit("env-alice", code())
    subject.reconcile()
    subject.ready("alice")
    subject.calls()
    environment = ByHand(laboratory.terraform, {}).environment("alice")
    run(_CLONE, place, environment, shop.url)
    started: list[float] = []

    def ours(number: int) -> float:
        shop.commit("env-alice", {"app.py": f"print({number})"})
        spent = cpu_milliseconds(subject.reconcile)
        subject.ready("alice")
        started.append(len(subject.calls()))
        return spent

    def by_hand(_: int) -> float:
        return cpu_milliseconds(lambda: run(_LOOK, place, environment))

    try:
        cpu, looked = interleaved(laboratory.rounds, ours, by_hand)
    finally:
        subject.close()
    return [
        Comparison(
            name="push without infrastructure: CPU",
            unit="ms",
            ours=cpu,
            by_hand=looked,
            limit=150,
            relative=False,
            note="envmgr and its git processes, from the poll to `ready`; by hand: git pull && git diff --quiet",
        ),
        Comparison(
            name="push without infrastructure: Terraform processes",
            unit="",
            ours=tuple(started[1:]),
            limit=0,
            relative=False,
        ),
    ]
