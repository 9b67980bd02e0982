"""A small campaign of `make chaos HOSTS=2`: the same hosts, faults and judge, with a seed of its own."""

import os
from pathlib import Path

import pytest

from tests.chaos.hosts.campaign import HostCampaign
from tests.chaos.hosts.network import why_absent
from tests.support.postgres import find_programs

FAULTS = 30

if os.geteuid() == 0:  # who alone can make hosts

    @pytest.mark.timeout(700)
    @pytest.mark.skipif(bool(why_absent()), reason="no hosts can be made of namespaces here")
    @pytest.mark.skipif(find_programs() is None, reason="PostgreSQL is absent")
    def test_hosts_that_are_struck_lose_nothing(tmp_path: Path, terraform_binary: str) -> None:
        """Whatever strikes them, each environment ends as wanted, and nothing is done twice at once."""
        del terraform_binary
        said: list[str] = []
        campaign = HostCampaign(
            folder=tmp_path,
            seed=3,  # by which the queue is the shared one
            hosts=2,
            faults=FAULTS,
            seconds=200,
            environments=4,
            peace=(0.2, 1.5),
            say=said.append,
            lasting=False,
        )

        tally = campaign.run()

        assert not tally.failures, "\n".join([*said, *tally.failures])
        assert tally.faults.total() >= FAULTS, tally.table()
        assert tally.queue == "procrastinate"
        assert tally.runs > 0
