"""A campaign: lives drawn from a seed, run a few at a time, until enough was killed."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from envmgr.host.leftovers import clear
from tests.chaos.backends import Backends, Place
from tests.chaos.kill import Phase, Stage, Work
from tests.chaos.lives import Life, Lives, quiet
from tests.chaos.measure import Measure
from tests.chaos.promotion.life import Promotions, drawn, undisturbed
from tests.chaos.promotion.round import PromotionRound
from tests.chaos.promotion.world import PromotionWorld
from tests.chaos.round import Round
from tests.chaos.tally import Tally
from tests.chaos.world import World

_PROMOTIONS = 3  # of so many rounds the first is one with approvals


@dataclass(slots=True)
class Campaign:
    """So many kills, drawn from `seed`, with state in `backends`; worlds are made below `folder`.

    `every_boundary`: not before each step boundary had its turn. `say` is told every step of every round if `verbose`, else only of those that failed. `only` runs one round alone.
    """

    folder: Path
    places: Backends
    seed: int
    kills: int
    backends: Sequence[str]
    say: Callable[[str], None]
    verbose: bool = False
    only: int | None = None
    every_boundary: bool = True
    lanes: int = max(2, os.cpu_count() or 1)
    tally: Tally = field(default_factory=Tally)
    boundaries: int = 0
    _measures: dict[tuple[str, Work, Phase], Measure] = field(default_factory=dict)
    _stages: dict[Stage, Measure] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Tally:
        """Measures first, then kills."""
        with ThreadPoolExecutor(self.lanes) as pool:
            self._take_measures(pool)
            lives = Lives(self.seed, self.backends, self._measures)
            row = self._row(lives)
            row = row if self.only is None else islice(row, self.only - 1, self.only)
            for lane in [pool.submit(self._work_off, lives, row) for _ in range(self.lanes)]:
                lane.result()
        return self.tally

    def _row(self, lives: Lives) -> Iterator[Life | Promotions]:
        """All rounds, from number 1."""
        for number in count(1):
            if number % _PROMOTIONS != 1:
                yield lives.draw(number)
            else:
                yield drawn(self.seed, number, self.backends, self._stages)

    def _take_measures(self, pool: ThreadPoolExecutor) -> None:
        """Each work undisturbed: by a pass with every backend, by hand with the first."""
        lives = [quiet(backend, Work.PASS, -n) for n, backend in enumerate(self.backends)]
        lives.append(quiet(self.backends[0], Work.COMMAND, -len(lives)))
        with_approvals = pool.submit(self._promote, undisturbed(self.backends[0], -len(lives) - 1))
        quiet_rounds: list[Future[Round]] = [pool.submit(self._live, life) for life in lives]
        for future in quiet_rounds:
            done = future.result()
            if done.tally.failures:
                raise AssertionError(f"Undisturbed it failed: {done.tally.failures}")
            self._measures |= done.measured
        promoted = with_approvals.result()
        if promoted.tally.failures:
            raise AssertionError(f"Undisturbed it failed: {promoted.tally.failures}")
        self._stages |= promoted.measured
        for backend in self.backends:
            for phase in Phase:
                by_hand = self._measures[self.backends[0], Work.COMMAND, phase]
                self._measures.setdefault((backend, Work.COMMAND, phase), by_hand)
        self.boundaries = sum(
            max(len(self._measures[backend, work, phase].writes) for backend in self.backends)
            for work in Work
            for phase in Phase
        ) + sum(len(measure.writes) for measure in self._stages.values())

    def _work_off(self, lives: Lives, row: Iterator[Life | Promotions]) -> None:
        """One lane: a life after the other, until there were enough kills."""
        while True:
            with self._lock:
                life = None if self._is_enough(lives) else next(row, None)
            if life is None:
                return
            done = self._promote(life) if isinstance(life, Promotions) else self._live(life)
            with self._lock:
                self.tally.add(done.tally)

    def _is_enough(self, lives: Lives) -> bool:
        """Whether enough was killed and, if need be, every boundary had its turn; one round alone is enough by itself."""
        turned = lives.all_had_their_turn or not self.every_boundary
        return self.only is None and self.tally.killed >= self.kills and turned

    def _live(self, life: Life) -> Round:
        folder, place = self._room(life)
        steps: list[str] = []
        with World(folder, place, http=life.http, proxy=life.needs_proxy, ends=life.ends) as world:
            done = Round(life, world, self._measures, steps.append)
            self._run(done, steps, folder)
        return done

    def _promote(self, life: Promotions) -> PromotionRound:
        folder, place = self._room(life)
        steps: list[str] = []
        with PromotionWorld(folder, place) as world:
            done = PromotionRound(life, world, self._stages, steps.append)
            self._run(done, steps, folder)
        return done

    def _room(self, life: Life | Promotions) -> tuple[Path, Place]:
        folder = self.folder / f"round{life.number}"
        name = f"chaos{self.seed}-{abs(life.number)}-{life.number < 1}".lower()
        return folder, self.places.place(life.backend, name, folder)

    def _run(self, done: Round | PromotionRound, steps: list[str], folder: Path) -> None:
        """Runs a round; of one that failed, or of each, all steps are told. What is left of one that did not is cleared."""
        try:
            done.run()
        except AssertionError as error:
            done.tally.failures.append(f"round {done.life.number}: {error}")
        done.tally.lives[done.life.backend] += 1
        if done.tally.failures or self.verbose:
            self.say("\n".join([f"Round {done.life.number}:", *steps, *done.tally.failures]))
        else:
            clear(folder)
