"""What is done to a staging and a production, drawn from a campaign's seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.kill import Kill, Stage, Target, Work
from tests.chaos.measure import Measure

_TARGETS = {Target.ENVMGR: 8, Target.TERRAFORM: 2, Target.BOTH: 2}
_BOUNDARY = 0.6  # the share of kills of envmgr that are at a boundary
_KILLED = {Stage.PROPOSE: 0.5, Stage.APPROVE: 0.5, Stage.APPLY: 1.0}
_AGAIN = 0.3  # how often the process that comes after a kill is killed too
_CHANGED = 0.4  # how often something else is wanted by the time that an approval was said
_FAILS = 0.5  # how often a commit's tests fail in staging


class Since(StrEnum):
    """What happens between an approval and its apply."""

    RESIZED = "a variable that makes another plan of the same commit"
    OVERTAKEN = "a newer tag"


Measures = Mapping[Stage, Measure]
"""What each stage does when nobody disturbs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the code on its way: who is killed in which stage, and what happens once it was approved.

    It only comes to staging where its tests fail (`works` is false).
    """

    works: bool = True
    kills: Mapping[Stage, Sequence[Kill]]
    since: Since | None = None


@dataclass(frozen=True, slots=True)
class Promotions:
    """Some versions, one after the other; `number` repeats them alone."""

    number: int
    backend: str
    versions: tuple[Version, ...]


def undisturbed(backend: str, number: int) -> Promotions:
    """Nobody is killed: what is measured."""
    return Promotions(number, backend, (Version(kills={}),))


def drawn(seed: int, number: int, backends: Sequence[str], measures: Measures) -> Promotions:
    """The lives of one number of a seed."""
    draw = random.Random(f"{seed}-{number}")
    versions = [_version(draw, measures) for _ in range(2)]
    if draw.random() < _FAILS:
        versions.insert(
            1, Version(works=False, kills={Stage.PROPOSE: [_kill(draw, Stage.PROPOSE, measures)]})
        )
    return Promotions(number, draw.choice(backends), tuple(versions))


def _version(draw: random.Random, measures: Measures) -> Version:
    kills = {stage: _kills(draw, stage, measures) for stage in Stage}
    since = draw.choice(list(Since)) if draw.random() < _CHANGED else None
    return Version(kills=kills, since=since)


def _kills(draw: random.Random, stage: Stage, measures: Measures) -> list[Kill]:
    found = []
    chance = _KILLED[stage]
    while draw.random() < chance:
        found.append(_kill(draw, stage, measures))
        chance = _AGAIN
    return found


def _kill(draw: random.Random, stage: Stage, measures: Measures) -> Kill:
    measure, work = measures[stage], Work.COMMAND if stage is Stage.APPROVE else Work.PASS
    target = draw.choices(list(_TARGETS), list(_TARGETS.values()))[0] if measure.commands else Target.ENVMGR
    fraction = draw.random()
    if target.hits_terraform:
        command = draw.randrange(len(measure.commands))
        return Kill(work=work, target=target, command=command, fraction=fraction)
    if draw.random() < _BOUNDARY:
        return Kill(work=work, target=target, boundary=draw.randint(1, len(measure.writes)))
    return Kill(work=work, target=target, fraction=fraction)
