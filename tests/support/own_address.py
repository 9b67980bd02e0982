"""A host with a public address of its own, in a network that nothing leaves: `unshare --net python -m …own_address FOLDER`.

A caged step asks for that address; FOLDER/seen.json says what came of it. Used by test_cage_network.py.
"""

import json
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from envmgr.adapters.processes import identify
from envmgr.adapters.steps.runner import StepRunner
from envmgr.domain.values.cage import CageRules, Network, Reach
from envmgr.domain.values.step import Step
from envmgr.ports import Place, StepLimits, Watch

ADDRESS, PORT = "9.9.9.9", 4443
NETWORKS = {
    "public": Network(reach=Reach.PUBLIC),
    "wildcard": Network(reach=Reach.LISTED, allow=(f"*.example:{PORT}", "9.9.9.9:1")),
    "named": Network(reach=Reach.LISTED, allow=(f"{ADDRESS}:{PORT}",)),
    "network": Network(reach=Reach.PUBLIC, networks=(f"{ADDRESS}/32",)),
}


def main(folder: Path) -> None:
    """Tries each kind of network, before there is such an address and after."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    seen = {"before": _asked(folder, "before", NETWORKS["public"], None)}
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    with socket.create_server((ADDRESS, PORT)) as server:
        server.settimeout(0.1)
        seen |= {name: _asked(folder, name, network, server) for name, network in NETWORKS.items()}
    (folder / "seen.json").write_text(json.dumps(seen))


def _asked(folder: Path, name: str, network: Network, server: socket.socket | None) -> tuple[str, bool]:
    """The log of a step that asks for the address, and whether anybody came there."""
    home = folder / name
    place = Place(
        checkout=home / "checkout",
        home=home / "home",
        temporary=home / "tmp",
        cache=home / "cache",
        environment={},
        limits=StepLimits(output=100_000),
        cage=CageRules(kind="bwrap", network=network),
    )
    place.checkout.mkdir(parents=True)
    log = home / "1.log"
    step = Step(
        name="ask", run=f"curl -sS -m 2 https://{ADDRESS}:{PORT}/ || true", timeout=timedelta(minutes=1)
    )
    StepRunner(identify).run(step, place, Watch(log=log))
    return log.read_text(), server is not None and _came(server)


def _came(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
