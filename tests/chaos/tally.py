"""What a campaign counts, and the table it closes with."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.kill import Kill, Phase, Stage, Target, Work
from tests.chaos.promotion.witness import Never


@dataclass(slots=True)
class Tally:
    """Counts of one life, or of all."""

    lives: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    state_faults: Counter[str] = field(default_factory=Counter)
    meanwhile: Counter[str] = field(default_factory=Counter)
    leftovers: Counter[str] = field(default_factory=Counter)
    since: Counter[str] = field(default_factory=Counter)
    never: Counter[Never] = field(default_factory=Counter)
    boundaries: set[tuple[Work, Phase | Stage, int]] = field(default_factory=set)
    promoted: int = 0
    lives_ended: int = 0
    missed: int = 0
    waited: int = 0
    most_passes: int = 0
    lost_by_terraform: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many kills hit."""
        return self.kills.total()

    def hit(self, phase: Phase | Stage, kill: Kill) -> None:
        """A kill that hit."""
        self.kills[kill.kind] += 1
        self.phases[phase] += 1
        if kill.boundary is not None and kill.target is Target.ENVMGR:
            self.boundaries.add((kill.work, phase, kill.boundary))

    def add(self, other: "Tally") -> None:
        """Adds what was counted in a life."""
        self.never.update(other.never)
        self.promoted += other.promoted
        for mine, more in (
            (self.lives, other.lives),
            (self.since, other.since),
            (self.kills, other.kills),
            (self.phases, other.phases),
            (self.faults, other.faults),
            (self.state_faults, other.state_faults),
            (self.meanwhile, other.meanwhile),
            (self.leftovers, other.leftovers),
        ):
            mine.update(more)
        self.boundaries |= other.boundaries
        self.lives_ended += other.lives_ended
        self.missed += other.missed
        self.waited += other.waited
        self.most_passes = max(self.most_passes, other.most_passes)
        self.lost_by_terraform += other.lost_by_terraform
        self.lost += other.lost
        self.failures += other.failures

    def table(self, boundaries: int) -> str:
        """The closing table; `boundaries` is how many step boundaries there are."""
        rows: list[tuple[str, object]] = [("killed (SIGKILL)", self.killed)]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.kills.items())]
        rows += [(f"  in {phase}", self.phases[phase]) for phase in (*Phase, *Stage)]
        rows += [("step boundaries at which envmgr was killed", f"{len(self.boundaries)} of {boundaries}")]
        rows += [("remotes that lied to the next pass", self.faults.total())]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.faults.items())]
        rows += [("writes of state that failed", self.state_faults.total())]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.state_faults.items())]
        rows += [("branches that were other ones after a kill", self.meanwhile.total())]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.meanwhile.items())]
        rows += [("destroyed because their time to live ended", self.lives_ended)]
        rows += [("phases in which steps left something in the way", self.leftovers.total())]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.leftovers.items())]
        rows += [("wanted otherwise between an approval and its apply", self.since.total())]
        rows += [(f"  {kind}", count) for kind, count in sorted(self.since.items())]
        rows += [("commits that came to production: tested, proposed, approved, applied", self.promoted)]
        rows += [(f"  {kind}", self.never[kind]) for kind in Never]
        rows += [("environments, each made, changed and destroyed", self.lives.total())]
        rows += [(f"  with state in {backend}", count) for backend, count in sorted(self.lives.items())]
        rows += [
            ("most passes until all was as wanted", self.most_passes),
            ("passes for which time had to pass (back-off)", self.waited),
            ("resources lost by a Terraform that was killed itself", self.lost_by_terraform),
            ("resources lost by envmgr", self.lost),
            ("environments that did not end as wanted", len(self.failures)),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value!s:>9}" for name, value in rows)
