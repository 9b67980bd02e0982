"""Invariant 15: one bad environment, repository or organization never delays the others."""

from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.bad_apple import Orchard
from tests.support.git_server import GitServer
from tests.support.quick_terraform import write_quick_terraform

PUSHES = 4


@pytest.mark.timeout(400)  # two daemons, on a machine that has other work
def test_the_good_ones_notice_little_of_the_bad_ones(tmp_path: Path) -> None:
    """Remotes hang, a Terraform hangs, credentials are wrong: a push is ready as without them. `make bench` has the ratio."""
    terraform = str(write_quick_terraform(tmp_path / "quick"))
    served = tmp_path / "served"
    served.mkdir()
    with GitServer(served) as server:
        alone = Orchard(tmp_path / "alone", terraform, server, bad=False)
        with alone.daemon():
            usual = median(alone.push(number / PUSHES) for number in range(PUSHES))
        beside = Orchard(tmp_path / "beside", terraform, server, bad=True)
        with beside.daemon() as process:
            taken = median(beside.push(number / PUSHES) for number in range(PUSHES))
            assert process.poll() is None
            bad = beside.environment("hangs")

    assert bad is not None
    assert bad.status.value in ("pending", "running")
    assert taken < 3 * usual + 5, (taken, usual)
