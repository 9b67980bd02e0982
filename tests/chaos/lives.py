"""What is done to each environment of a campaign, drawn from its seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.kill import Kill, Meanwhile, Phase, Target, Work
from tests.chaos.measure import Measure, Measures
from tests.chaos.world import LEFTOVERS, STATE_FAULTS, faults

_BOUNDARY = 0.5  # the share of kills of envmgr that are at a boundary, once each boundary had its turn
_TARGETS = {Target.ENVMGR: 7, Target.TERRAFORM: 2, Target.LONE: 1, Target.BOTH: 2}
_AGAIN = 0.25  # how often the process that comes after a kill is killed too
_MEANWHILE = 0.7  # how often the branch is another one after a kill
_LIFE = 0.4  # how often what is destroyed by a pass is destroyed because its time to live ended
_FAULT = (
    0.25  # how often the remote lies to the first pass after a kill, and how often state cannot be written
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One phase of a life: who is killed in it, and how the remote lies afterwards (empty: it does not).

    `leftover`: what each step leaves. `state_fault`: how writing state fails until then. `branch_gone`: before a person destroys by hand the branch was deleted, and seen to be gone once.
    `meanwhile`: what became of the branch after the kills. `life_ends`: the branch stays, its time to live is over.
    """

    phase: Phase
    work: Work
    kills: tuple[Kill, ...]
    fault: str = ""
    state_fault: str = ""
    leftover: str = ""
    branch_gone: bool = False
    meanwhile: Meanwhile | None = None
    life_ends: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """One environment from its first push to its end; `number` repeats it alone."""

    number: int
    backend: str
    http: bool
    chapters: tuple[Chapter, ...]

    @property
    def needs_proxy(self) -> bool:
        """Whether its state must be written through a proxy that can fail."""
        return any(chapter.state_fault for chapter in self.chapters)

    @property
    def ends(self) -> bool:
        """Whether it has a time to live, which ends."""
        return any(chapter.life_ends for chapter in self.chapters)


def quiet(backend: str, work: Work, number: int = 0) -> Life:
    """A life in which nobody is killed: what is measured."""
    chapters = tuple(Chapter(phase=phase, work=work, kills=(), branch_gone=True) for phase in Phase)
    return Life(number, backend, False, chapters)


class Lives:
    """An endless, repeatable row of lives; every boundary has its turn before any comes again."""

    def __init__(self, seed: int, backends: Sequence[str], measures: Measures) -> None:
        self._random = random.Random(seed)
        self._backends = backends
        self._measures = measures
        self._boundaries: dict[tuple[Work, Phase], list[int]] = {}
        self._turns: set[tuple[Work, Phase]] = set()

    @property
    def all_had_their_turn(self) -> bool:
        """Whether every boundary was given to a life."""
        return len(self._turns) == len(Work) * len(Phase)

    def draw(self, number: int) -> Life:
        """The next life, under a number."""
        # The cheapest place of state is asked most often.
        weights = [3 if name == "local" else 2 if name == "s3" else 1 for name in self._backends]
        backend = self._random.choices(self._backends, weights)[0]
        http = self._random.random() < 0.3
        chapters = tuple(self._chapter(phase, backend, http=http) for phase in Phase)
        return Life(number, backend, http, chapters)

    def _chapter(self, phase: Phase, backend: str, *, http: bool) -> Chapter:
        draw = self._random
        waiting = [work for work in Work if (work, phase) not in self._turns]
        work = draw.choice(waiting or list(Work))
        kills = [self._kill(backend, work, phase, due=bool(waiting))]
        while draw.random() < _AGAIN:
            kills.append(self._kill(backend, Work.PASS, phase, due=False))
        state_fault = draw.choice(STATE_FAULTS) if backend == "s3" and draw.random() < _FAULT else ""
        life_ends = (phase, work) == (Phase.DESTROY, Work.PASS) and draw.random() < _LIFE
        return Chapter(
            phase=phase,
            work=work,
            kills=tuple(kills),
            fault=draw.choice(faults(http=http)) if draw.random() < _FAULT else "",
            # A push after the end counts until it was tried: the end comes first where its apply failed.
            state_fault="" if life_ends else state_fault,
            branch_gone=draw.random() < 0.5,
            leftover=draw.choice(list(LEFTOVERS)) if draw.random() < _FAULT else "",
            meanwhile=self._meanwhile(phase, kills, life_ends=life_ends),
            life_ends=life_ends,
        )

    def _meanwhile(self, phase: Phase, kills: Sequence[Kill], *, life_ends: bool) -> Meanwhile | None:
        """Only what a pass of envmgr's began can be otherwise by then: what a person's work is on was said by that person.

        Nor where Terraform was killed: what it did and had not written down, terraform_data could not tell the next one.
        """
        drawn = self._random.random() < _MEANWHILE
        if not drawn or any(k.work is Work.COMMAND or k.target.hits_terraform for k in kills):
            return None
        if life_ends:
            return Meanwhile.OVERTAKEN
        if phase is Phase.DESTROY:
            return self._random.choice((Meanwhile.RESTORED, Meanwhile.PUSHED))
        return Meanwhile.BACK if phase is Phase.CHANGE else None

    def _kill(self, backend: str, work: Work, phase: Phase, *, due: bool) -> Kill:
        """`due`: there are boundaries of this work that had no turn yet."""
        draw, measure = self._random, self._measures[backend, work, phase]
        target = draw.choices(list(_TARGETS), list(_TARGETS.values()))[0]
        fraction = draw.random()
        if target is Target.ENVMGR and due:
            return Kill(work=work, target=target, boundary=self._turn(work, phase, measure))
        if target is Target.ENVMGR and draw.random() < _BOUNDARY:
            return Kill(work=work, target=target, boundary=draw.randint(1, len(measure.writes)))
        if target is Target.BOTH and draw.random() < _BOUNDARY:
            return Kill(work=work, target=target, boundary=self._within_terraform(measure))
        if target.hits_terraform:
            return Kill(
                work=work, target=target, command=draw.randrange(len(measure.commands)), fraction=fraction
            )
        return Kill(work=work, target=target, fraction=fraction)

    def _turn(self, work: Work, phase: Phase, measure: Measure) -> int:
        """A boundary that had no turn yet."""
        if (work, phase) not in self._boundaries:
            self._boundaries[work, phase] = list(range(1, len(measure.writes) + 1))
            self._random.shuffle(self._boundaries[work, phase])
        waiting = self._boundaries[work, phase]
        chosen = waiting.pop()
        if not waiting:
            self._turns.add((work, phase))
        return chosen

    def _within_terraform(self, measure: Measure) -> int:
        """A boundary at which Terraform runs: the record of it is about to be written."""
        started = [
            n for n, name in enumerate(measure.writes, 1) if name in ("store.set_child", "store.set_lock")
        ]
        return self._random.choice(started)
