"""One round: an environment's life in a world of its own, with all that is done to it, judged after each phase."""

import time
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.kill import Kill, Meanwhile, Phase, Target, Work
from tests.chaos.lives import Chapter, Life
from tests.chaos.measure import Measure, Measures
from tests.chaos.observation import Observation
from tests.chaos.process import Order, finish
from tests.chaos.tally import Tally
from tests.chaos.undertaker import Death
from tests.chaos.verdict import Desired, broken, problems, unknown
from tests.chaos.world import BRANCH, TIME_TO_LIVE, World

# Seconds from now at which passes are made until all is as wanted: every back-off ends in between.
_PASSES = (0, 6, 45, 120, 300, 900, 4000, 8000)
_LIFE_OVER = TIME_TO_LIVE + 2 * _PASSES[-1]  # whenever it was applied last
_TIDIED = 45  # from this one on with housekeeping, which the daemon does when it starts and once an hour
_PATIENCE = 90  # real seconds for one process


class Round:
    """Runs a life; `say` is told each step."""

    _seen: Observation | None = None

    def __init__(self, life: Life, world: World, measures: Measures, say: Callable[[str], None]) -> None:
        self.life = life
        self.world = world
        self.tally = Tally()
        self.measured: dict[tuple[str, Work, Phase], Measure] = {}
        self._measures = measures
        self._say = say
        self._archived = 0
        self._commit = self._before = ""

    def run(self) -> Tally:
        """All chapters, up to the first that does not end as wanted."""
        for chapter in self.life.chapters:
            found = self._run(chapter)
            if found:
                where = f"round {self.life.number} ({self.life.backend}), {chapter.phase}"
                self.tally.failures.append(f"{where}: {' '.join(found)}")
                break
            if self._seen is not None and self._seen.status == "suspended":
                break  # only a person brings it back
        return self.tally

    def _run(self, chapter: Chapter) -> list[str]:
        self._begin(chapter)
        if not chapter.kills:
            self._measure(chapter)
        if chapter.state_fault:
            self.world.fail_state(chapter.state_fault)
        self.world.leave(chapter.leftover)
        if chapter.leftover:
            self._say(f"  steps leave {chapter.leftover}")
            self.tally.leftovers[chapter.leftover] += 1
        hit = [kill for kill in chapter.kills if self._kill(chapter, kill)]
        if chapter.meanwhile is not None:
            self._move_branch(chapter.meanwhile)
        if chapter.fault:
            self._say(f"  {chapter.fault}")
            self.tally.faults[chapter.fault] += 1
            with self.world.lying(chapter.fault):
                self._pass(chapter, 0)
        if chapter.state_fault:
            self._fail_state(chapter)
        return self._converge(chapter, hit)

    def _fail_state(self, chapter: Chapter) -> None:
        """One more pass while state cannot be written, which then is mended."""
        self._pass(chapter, 0)
        failed = self.world.heal_state()
        self._say(f"  {chapter.state_fault}: {failed} times")
        self.tally.state_faults[chapter.state_fault] += failed

    def _begin(self, chapter: Chapter) -> None:
        self._say(f"{chapter.phase} ({self.life.backend}, {'http' if self.life.http else 'path'})")
        if chapter.phase is not Phase.DESTROY:
            self._before, self._commit = self._commit, self.world.push()
        elif chapter.life_ends:
            self._say("  its time to live is over")
            self.tally.lives_ended += 1
        elif chapter.work is Work.PASS:
            self.world.repository.delete(BRANCH)
        elif chapter.branch_gone:
            self.world.repository.delete(BRANCH)
            finish(self.world.order(looks=1))

    def _move_branch(self, meanwhile: Meanwhile) -> None:
        """What began for another commit, or for no branch at all, has to be made up for."""
        self._say(f"  {meanwhile}")
        self.tally.meanwhile[meanwhile] += 1
        match meanwhile:
            case Meanwhile.BACK:
                self._commit = self._before
                self.world.repository.point([BRANCH], self._commit)
            case Meanwhile.RESTORED:
                self.world.repository.point([BRANCH], self._commit)
            case Meanwhile.PUSHED | Meanwhile.OVERTAKEN:
                self._commit = self.world.push()

    def _order(self, chapter: Chapter, work: Work, offset: float = 0, **changes: object) -> Order:
        verb = "destroy" if chapter.phase is Phase.DESTROY else "apply"
        arguments = (verb, BRANCH, "--yes") if work is Work.COMMAND else None
        looks = 2 if chapter.phase is Phase.DESTROY else 1
        offset += _LIFE_OVER if chapter.life_ends else 0
        return self.world.order(arguments=arguments, looks=looks, offset=offset, **changes)

    def _pass(self, chapter: Chapter, offset: float, *, tidies: bool = False) -> None:
        finish(self._order(chapter, Work.PASS, offset=offset, observer=Observation.take, tidies=tidies))
        self._look()

    def _look(self) -> None:
        """Takes in what the process that has just ended found."""
        seen, _, _ = self.world.report()
        self._archived += seen.archived if seen else 0
        self._seen = replace(seen, archived=self._archived) if seen else None

    def _kill(self, chapter: Chapter, kill: Kill) -> bool:
        hit = self._dies_of(chapter, kill)
        self._say(f"  {kill}{'' if hit else ' (it had ended before)'} {self.world.last_words()}")
        if hit:
            self.tally.hit(chapter.phase, kill)
        else:
            self.tally.missed += 1
        return hit

    def _dies_of(self, chapter: Chapter, kill: Kill) -> bool:
        measure = self._measures[self.life.backend, kill.work, chapter.phase]
        if kill.boundary is not None:
            together = kill.target is Target.BOTH
            order = self._order(chapter, kill.work, dies_before=kill.boundary, with_children=together)
            return finish(order)
        order = self._order(chapter, kill.work)
        if kill.command is None:
            return finish(order, kill.fraction * measure.seconds)
        death = Death(kill.command, kill.fraction * measure.commands[kill.command][1], kill.target)
        self.world.undertaker.arm(death)
        finish(order)
        self.world.undertaker.arm(None)
        return death.hit

    def _converge(self, chapter: Chapter, hit: list[Kill]) -> list[str]:
        """Passes until all is as wanted, or what is not after the last."""
        terraform = any(kill.target.hits_terraform for kill in hit)
        restored = chapter.phase is Phase.DESTROY and chapter.meanwhile is not None
        suspended = chapter.life_ends and not restored
        wanted = Desired(chapter.phase, self._commit, self._may_be_suspended(chapter), restored, suspended)
        found: list[str] = []
        passes = _PASSES if chapter.kills else _PASSES[:1]
        for number, offset in enumerate(passes, 1):
            self._pass(chapter, offset, tidies=offset >= _TIDIED)
            self.tally.most_passes = max(self.tally.most_passes, number)
            self.tally.waited += bool(offset)
            found = problems(self._seen, wanted, self.world.traces())
            self._say(f"  pass +{offset} s: {self._seen.status if self._seen else ''} {' '.join(found)}")
            if not found:
                break
            self.world.undertaker.wait(_PATIENCE)  # a Terraform that survived gets the time to end
            # And another's, which may hold the lock for all that we know: the time of its longest command.
            is_locked = self._seen is not None and bool(self._seen.lock)
            time.sleep(min(number, 3) * (2 if is_locked else 0.3))
        return found + self._account(hit, terraform=terraform)

    def _may_be_suspended(self, chapter: Chapter) -> bool:
        return (chapter.phase, chapter.work, chapter.branch_gone) == (Phase.DESTROY, Work.COMMAND, False)

    def _account(self, hit: list[Kill], *, terraform: bool) -> list[str]:
        """What was lost, and by whom; what must never be."""
        traces = self.world.traces()
        lost = unknown(self._seen, traces)
        never = broken(replace(traces, ended_twice=() if terraform else traces.ended_twice))
        if any(kill.target is Target.LONE for kill in hit):
            never = broken(replace(traces, overlaps=(), ended_twice=()))  # a provisioner holds the lock too
        self.world.pardon()
        self.world.undertaker.commands()
        if terraform:
            self.world.forget(lost)
            self.tally.lost_by_terraform += len(lost)
            return never
        self.tally.lost += len(lost)
        return [*never, *(f"{name} exists and state does not know it." for name in sorted(lost))]

    def _measure(self, chapter: Chapter) -> None:
        """Lets the work be done undisturbed."""
        self.world.undertaker.commands()
        finish(self._order(chapter, chapter.work))
        _, writes, seconds = self.world.report()
        commands = tuple(self.world.undertaker.commands())
        measure = Measure(seconds, tuple(writes), commands)
        self.measured[self.life.backend, chapter.work, chapter.phase] = measure
