"""The proxies of cages that this process had forked."""

from pathlib import Path

from envmgr.host.cage import network


def forked() -> set[int]:
    """The PIDs of those that live."""
    launcher = network._PROXIES.process
    if launcher is None:
        return set()
    try:
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text()
    except FileNotFoundError:
        return set()
    return {int(number) for number in children.split()}
