"""`make chaos`: kills envmgr and Terraform hundreds of times and counts what was lost.

Repeatable by its seed; a round that failed is repeated alone by `--seed N --round M`.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.backends import NAMES, Backends
from tests.chaos.campaign import Campaign
from tests.chaos.hosts.campaign import SHARED, HostCampaign
from tests.chaos.hosts.network import why_absent
from tests.support import azure


def main(arguments: Sequence[str]) -> int:
    """Runs a campaign; 1 where anything was lost or did not end as wanted."""
    options = _options(arguments)
    if options.hosts:
        return _over_hosts(options)
    backends = options.backend or [name for name in NAMES if name != "azurerm" or not azure.why_absent()]
    _say(f"Seed {options.seed}, at least {options.kills} kills, state in {', '.join(backends)}.")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="envmgr-chaos-"))
    places = Backends(folder)
    campaign = Campaign(
        folder=folder,
        places=places,
        seed=options.seed,
        kills=options.kills,
        backends=backends,
        say=_say,
        verbose=options.verbose,
        only=options.round,
    )
    try:
        tally = campaign.run()
    finally:
        places.close()
    _say(f"\n{tally.table(campaign.boundaries)}\n")
    _say(f"{time.monotonic() - began:.0f} s with seed {options.seed}.")
    for failure in tally.failures:
        _say(failure)
    if tally.failures:
        _say(f"Repeat one by --seed {options.seed} --round N -v; what was left is in {folder}.")
        return 1
    _say("Nothing was lost, and every environment ended as wanted without a person.")
    return 0


def _over_hosts(options: argparse.Namespace) -> int:
    """The campaign over several hosts."""
    if absent := why_absent():
        _say(absent)
        return 2
    _say(
        f"Seed {options.seed}, {options.hosts} hosts, {options.faults} faults, {options.seconds:.0f} s at most."
    )
    folder = Path(tempfile.mkdtemp(prefix="envmgr-chaos-"))
    folder.chmod(0o755)
    tally = HostCampaign(
        folder=folder,
        seed=options.seed,
        hosts=options.hosts,
        faults=options.faults,
        seconds=options.seconds,
        environments=options.environments,
        queue=options.queue,
        say=_say if options.verbose else lambda _: None,
    ).run()
    _say(f"\n{tally.table()}\n")
    for failure in tally.failures:
        _say(failure)
    if tally.failures:
        _say(f"What was left, with the log of each host, is in {folder}.")
        return 1
    _say(
        "Nothing was lost, done twice or destroyed wrongly, and every environment ended as wanted without a person."
    )
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="default: a random one")
    parser.add_argument("--kills", type=int, default=220, help="at least so many (default: 220)")
    parser.add_argument("--backend", action="append", choices=NAMES, help="only this; may be repeated")
    parser.add_argument("--round", type=int, metavar="N", help="only round N of the seed's")
    parser.add_argument(
        "--hosts", type=int, default=0, metavar="N", help="a campaign over so many hosts instead (root)"
    )
    parser.add_argument("--faults", type=int, default=200, help="with --hosts: so many (default: 200)")
    parser.add_argument(
        "--seconds", type=float, default=600, help="with --hosts: no longer than this (default: 600)"
    )
    parser.add_argument("--environments", type=int, default=12, help="with --hosts: so many (default: 12)")
    parser.add_argument(
        "--queue", choices=("threads", SHARED), default="", help="with --hosts: default: the seed says it"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tell every step of every round")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
