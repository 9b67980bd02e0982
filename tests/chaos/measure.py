"""What a work does when nobody disturbs it: how long it takes, and where its step boundaries are."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.kill import Phase, Work


@dataclass(frozen=True, slots=True)
class Measure:
    """The seconds a work took, its durable writes in order, and each Terraform command with its seconds."""

    seconds: float
    writes: tuple[str, ...]
    commands: tuple[tuple[str, float], ...]


Measures = Mapping[tuple[str, Work, Phase], Measure]
"""By backend, work and phase."""
