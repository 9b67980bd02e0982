"""A small campaign of `make chaos`: the same kills and the same judge, with a seed of its own."""

from pathlib import Path

import pytest

from tests.chaos.backends import NAMES, Backends
from tests.chaos.campaign import Campaign
from tests.support.azure import Azurite

KILLS = 5


@pytest.mark.timeout(300)
def test_a_few_kills_lose_nothing(
    tmp_path: Path, terraform_binary: str, moto_url: str, azurite: Azurite
) -> None:
    """Each environment ends as wanted without a person, whoever was killed at whatever instant."""
    del terraform_binary
    steps: list[str] = []
    campaign = Campaign(
        folder=tmp_path,
        places=Backends(tmp_path, moto_url, azurite),
        seed=7,
        kills=KILLS,
        backends=NAMES,
        say=steps.append,
        every_boundary=False,
    )

    tally = campaign.run()

    assert not tally.failures, "\n".join(steps)
    assert tally.killed >= KILLS
    assert tally.lost == 0
    assert tally.promoted > 0
    assert len(tally.lives) > 1
