"""A forge that is away for ten minutes while others push: what it is asked meanwhile, and what is said afterwards.

In memory, on a clock that is moved on: ten minutes of it take seconds. All decisions are the daemon's own; the forge is
one that fails each call, as one does whose address answers nothing.
"""

from collections import Counter

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import PreviewRules
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Laboratory
from tests.support.in_memory.previews import PreviewWorld
from tests.support.in_memory.rules import MODULE
from tests.support.told import ToldForge

PULL_REQUESTS, PUSHES, SECONDS = 20, 200, 600
_AFTER = 300
_WRITES = ("set_status", "report_deployment", "create_comment", "edit_comment")


def forge_outage(laboratory: Laboratory) -> list[Comparison]:
    """Twenty pull requests of a repository; each second a tick, every three seconds a push."""
    world = PreviewWorld(laboratory.place("forge-outage"), PreviewRules(limit=PULL_REQUESTS))
    outage = _Outage(world)
    for number in range(1, PULL_REQUESTS + 1):
        world.opens(number, f"topic-{number}")
    world.both(2)
    outage.passes(120)
    before = dict.fromkeys(_WRITES, 0) | outage.calls()
    world.forge.broken = Transient("No answer.")
    outage.passes(SECONDS, PUSHES)
    during = outage.since(before)
    world.forge.broken = None
    after_break = outage.calls()
    outage.passes(_AFTER)
    said = {name: number for name, number in outage.since(after_break).items() if name in _WRITES}
    heads = {world.forge.requests[number].commit for number in range(1, PULL_REQUESTS + 1)}
    newest = {each.commit for each in world.forge.statuses[-sum(said.values()) :]}
    late = [commit for commit in heads if commit not in newest]
    if late or world.store.outbox.waiting():
        raise RuntimeError(f"{len(late)} heads were not told of, {len(world.store.outbox.waiting())} wait")
    note = f"{PUSHES} pushes to {PULL_REQUESTS} pull requests in {SECONDS} s of a clock that is moved on; "
    return [
        _figure(
            "forge away for 10 minutes: calls meanwhile",
            sum(during.values()),
            None,
            f"{note}{', '.join(f'{name} {number}' for name, number in during.items())}",
        ),
        _figure(
            f"… writes in the {_AFTER // 60} minutes afterwards, by which all {PULL_REQUESTS} heads are told",
            sum(said.values()),
            None,
            f"{', '.join(f'{name} {number}' for name, number in sorted(said.items()))}; nothing was left to say",
        ),
    ]


class _Outage:
    """The world, its forge's watch, and what tells the forge."""

    def __init__(self, world: PreviewWorld) -> None:
        self._world = world
        self._told = ToldForge(world, world.forge, world.rules.forge_rules)
        self._watch = ForgeWatch(world.daemon.application, lambda _: None)
        self._pushed = 0

    def passes(self, seconds: int, pushes: int = 0) -> None:
        """So long nothing but ticks, and so many pushes, spread evenly."""
        for second in range(seconds):
            self._world.forward(seconds=1)
            if pushes and second % (seconds // pushes) == 0:
                self._push()
            self._watch.tick()
            if not self._watch.wait(20):
                raise RuntimeError("a look does not end")
            self._told.tell()

    def _push(self) -> None:
        number = self._pushed % PULL_REQUESTS + 1
        self._pushed += 1
        self._world.pushes(number, f"topic-{number}", MODULE.replace("small", f"n{self._pushed}"))
        self._world.turn()

    def calls(self) -> dict[str, int]:
        """All calls so far, by name."""
        return dict(Counter(self._world.forge.calls))

    def since(self, before: dict[str, int]) -> dict[str, int]:
        """Those since then."""
        found = Counter(self.calls())
        found.subtract(before)
        return {name: number for name, number in found.items() if number}


def _figure(name: str, value: float, limit: float | None, note: str) -> Comparison:
    return Comparison(name=name, unit="calls", ours=(value,), limit=limit, relative=False, note=note)
