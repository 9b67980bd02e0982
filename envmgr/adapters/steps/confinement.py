"""What a step is confined to: decided by what it is there for, and by its place."""

from collections.abc import Mapping
from dataclasses import replace

from envmgr.domain.rules.cage import confine
from envmgr.domain.values.cage import Cage, CageLimits, Ground
from envmgr.domain.values.step import Step
from envmgr.host.cage.files import certificates, secret_files
from envmgr.ports import Place


def confinement(step: Step, place: Place, own: Mapping[str, str]) -> Cage:
    """The cage of a step; `own` is envmgr's environment."""
    ground = Ground(
        code=str(place.checkout),
        folders=(str(place.home), str(place.cache)),
        passing=(str(place.temporary),),
        outside=tuple(map(str, place.outside)),
        tools=(*map(str, place.readable), *certificates(own, place.environment)),
        secrets=secret_files(place.environment),
    )
    limits = CageLimits(
        memory=place.limits.memory,
        cpu_seconds=place.limits.cpu_seconds,
        processes=place.limits.processes,
        time=step.timeout,
    )
    return confine(place.purpose, place.cage, ground, limits)


def limited_by(cage: Cage, step: Step, place: Place) -> tuple[Step, Place]:
    """The step and its place with the limits that hold in its cage."""
    limits = replace(
        place.limits,
        memory=cage.limits.memory,
        cpu_seconds=cage.limits.cpu_seconds,
        processes=cage.limits.processes,
    )
    return replace(step, timeout=cage.limits.time or step.timeout), replace(place, limits=limits)
