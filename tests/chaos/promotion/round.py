"""One life with approvals: each version comes to staging, is proposed, approved and applied, with all that is done to it."""

from collections.abc import Callable

from tests.chaos.kill import Kill, Stage, Target
from tests.chaos.measure import Measure
from tests.chaos.process import Order, finish
from tests.chaos.promotion.life import Measures, Promotions, Since, Version
from tests.chaos.promotion.standing import Standing, Standings
from tests.chaos.promotion.witness import PRODUCTION, STAGING, Breach, Never, breaches
from tests.chaos.promotion.world import PromotionWorld
from tests.chaos.tally import Tally
from tests.chaos.undertaker import Death

# Seconds from now at which passes are made while nothing comes of them: every back-off ends in between.
_PASSES = (0, 6, 45, 120, 300, 900, 4000, 8000)
_STEPS = 40  # processes for one version, at most


class PromotionRound:
    """Runs such a life; `say` is told each step."""

    def __init__(
        self, life: Promotions, world: PromotionWorld, measures: Measures, say: Callable[[str], None]
    ) -> None:
        self.life = life
        self.world = world
        self.tally = Tally()
        self.measured: dict[Stage, Measure] = {}
        self._measures = measures
        self._say = say
        self._seen = Standings({}, ())
        self._commit = self._released = ""  # the newest one, and what production is to be at
        self._excused = True  # whether a person may be asked for an approval
        self._terraform_died = False
        self._breaches: list[Breach] = []

    def run(self) -> Tally:
        """All versions, up to the first that does not end as wanted."""
        for number, version in enumerate(self.life.versions, 1):
            found = [*self._bring(version), *self._judge()]
            if found:
                self.tally.failures.append(f"round {self.life.number}, version {number}: {' '.join(found)}")
                break
            self.tally.promoted += version.works
        return self.tally

    def _bring(self, version: Version) -> list[str]:
        """One version to where it belongs; gives what is not as wanted after the last pass."""
        self._release(works=version.works)
        kills = {stage: list(found) for stage, found in version.kills.items()}
        since, idle = version.since, 0
        for _ in range(_STEPS):
            stage = self._stage()
            if stage is Stage.APPLY and since is not None:
                self._change(since)
                since = None
            kill = kills[stage].pop() if kills.get(stage) else None
            before = self._seen
            self._do(stage, kill, _PASSES[idle])
            found = self._problems()
            if not found:
                return []
            idle = 0 if kill or before != self._seen or stage is Stage.APPROVE else idle + 1
            if idle == len(_PASSES):
                return found
        return [f"After {_STEPS} processes:", *self._problems()]

    def _release(self, *, works: bool) -> None:
        self._commit = self.world.release(works=works)
        self._released = self._commit if works else self._released
        self._excused = True
        self._say(f"version {self.world.versions[self._commit]}{'' if works else ', which fails its tests'}")

    def _change(self, since: Since) -> None:
        self._say(f"  since it was approved: {since}")
        self.tally.since[since] += 1
        if since is Since.RESIZED:
            self.world.resize()
            self._excused = True
        else:
            self._release(works=True)

    def _stage(self) -> Stage:
        production = self._seen.environments.get(PRODUCTION)
        if production is None or self._is_over():
            return Stage.PROPOSE
        if production.asks:
            return Stage.APPROVE
        return Stage.APPLY if production.approved else Stage.PROPOSE

    def _is_over(self) -> bool:
        """Whether what production has to say is about an earlier version."""
        production = self._seen.environments[PRODUCTION]
        return production.proposed_commit != self._commit

    def _do(self, stage: Stage, kill: Kill | None, offset: float) -> None:
        if stage is Stage.APPROVE:
            self._read(self._seen.environments[PRODUCTION])
        order = self._order(stage, offset)
        if kill is not None:
            hit = self._dies_of(stage, kill, offset)
            self._say(f"  {stage}: {kill}{'' if hit else ' (it had ended before)'} {self.world.last_words()}")
            if hit:
                self.tally.hit(stage, kill)
            else:
                self.tally.missed += 1
            self._terraform_died |= hit and kill.target.hits_terraform
            self._excused |= hit and kill.target.hits_terraform
        else:
            self.world.undertaker.commands()
            finish(order)
        self._look(stage, offset, measures=kill is None)

    def _read(self, production: Standing) -> None:
        """A person reads what is to be approved; nobody is asked twice for the same without a reason."""
        permit = production.permit
        self._say(f"  a person reads: {permit.line}")
        if not self._excused:
            self._breaches.append(Breach(Never.APPROVAL_LOST, permit.line))
        self.world.permit(permit)

    def _order(self, stage: Stage, offset: float, **changes: object) -> Order:
        if stage is Stage.APPROVE:
            return self.world.order(arguments=("approve", PRODUCTION, "--yes"), **changes)
        return self.world.order(
            offset=offset, observer=Standings.take, tidies=offset >= _PASSES[2], **changes
        )

    def _dies_of(self, stage: Stage, kill: Kill, offset: float) -> bool:
        if kill.boundary is not None:
            together = kill.target is Target.BOTH
            order = self._order(stage, offset, dies_before=kill.boundary, with_children=together)
            return finish(order)
        order = self._order(stage, offset)
        if kill.command is None:
            return finish(order, kill.fraction * self._measures[stage].seconds)
        death = Death(
            kill.command, kill.fraction * self._measures[stage].commands[kill.command][1], kill.target
        )
        self.world.undertaker.arm(death)
        finish(order)
        self.world.undertaker.arm(None)
        return death.hit

    def _look(self, stage: Stage, offset: float, *, measures: bool) -> None:
        """Takes in what is there now; a killed process and a command have told nothing of it."""
        document = self.world.document()
        # A Terraform that survived gets the time to end, and another's lock to be let go.
        commands = tuple(self.world.undertaker.commands())
        if measures and document is not None and not self._measures:
            measure = Measure(document["seconds"], tuple(document["writes"]), commands)
            self.measured.setdefault(stage, measure)
        if document is None or document["observation"] is None:
            finish(self.world.order(observer=Standings.take, works=False))
            document = self.world.document()
        assert document is not None
        self._seen = Standings.load(document["observation"])
        if stage is Stage.APPROVE and self._seen.environments[PRODUCTION].approved:
            self._excused = False
        told = {name: found.status for name, found in self._seen.environments.items()}
        self._say(f"  {stage} +{offset} s: {told}")

    def _problems(self) -> list[str]:
        """What is not as wanted yet."""
        known = self._seen.environments
        if len(known) < len((STAGING, PRODUCTION)):
            return ["Staging or production is not known."]
        staging, production = known[STAGING], known[PRODUCTION]
        found = [f"Leases are held by {self._seen.leases}."] if self._seen.leases else []
        works = self._released == self._commit
        if (staging.status, staging.applied_commit) != ("ready" if works else "failed", self._commit):
            found.append(f"Staging is {staging.status} at {staging.applied_commit}: {staging.message}")
        if self._released and production.applied_commit != self._released:
            found.append(f"Production is at {production.applied_commit}: {production.message}")
        if not works and production.asks and production.proposed_commit == self._commit:
            found.append("Production asks for what failed in staging.")  # and whoever is asked says yes
        if works and production.status != "ready":
            found.append(f"Production is {production.status}: {production.message}")
        for name, each in known.items():
            if each.running or each.lock:
                found.append(f"In {name} runs {each.running} are running, locked by {each.lock or 'nobody'}.")
        return found

    def _judge(self) -> list[str]:
        """What must never be, of the whole life; and what was lost, of this version."""
        self._breaches += breaches(self.world.history(), self.world.versions, forgives=self._terraform_died)
        self._breaches += [Breach(Never.PLAN_LEFT, path) for path in self.world.plan_files()]
        self.tally.never.update(breach.kind for breach in self._breaches)
        said = [str(breach) for breach in self._breaches]
        self._breaches = []
        traces = self.world.traces()
        said += [f"Two Terraforms at once: {overlap}" for overlap in traces.overlaps]
        return [*said, *self._account(traces.existing)]

    def _account(self, existing: frozenset[str]) -> list[str]:
        known = frozenset(
            f"{name}.{key}.{identity}"
            for name, found in self._seen.environments.items()
            for key, identity in found.ids.items()
        )
        lost = existing - known
        phantoms = [f"State lists {name}, which does not exist." for name in sorted(known - existing)]
        if self._terraform_died:
            self.tally.lost_by_terraform += len(lost)
            self.world.forget(lost)
            return phantoms
        self.tally.lost += len(lost)
        return [*phantoms, *(f"{name} exists and state does not know it." for name in sorted(lost))]
