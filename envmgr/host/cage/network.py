"""The way out of a cage that reaches a part of the network: by a proxy of its own, which ends with it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.egress import Refusal
from envmgr.domain.values.cage import Network, Reach
from envmgr.host.system import told

_PORT = 3128
_ADDRESS = f"http://127.0.0.1:{_PORT}"
_LONGEST = 64 * 1024
# Neither waits for the other: the shell ends at once, so that the proxy is nobody's child to be waited for.
_ALONE = ("sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "envmgr")
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from envmgr.host.egress.proxy import main; main()"
_ENTER = str(Path(__file__).parents[1] / "egress" / "enter.py")
_BARE = ("-I", "-S")
"""Python without anybody's settings, and without packages: it starts in a third of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a child needs for it: paths to see, a command that starts the child, variables, descriptors."""

    sees: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()


@contextmanager
def way(network: Network, log: Path) -> Iterator[Way]:
    """Opens the way for one child, for as long as it lives; what was refused is told in its log at the end of the block.

    Raises NeedsPerson where there is none.
    """
    if not network.reach.is_by_proxy:
        yield Way()
        return
    record = refusals_of(log)
    known = len(refused(log))
    inside, outside = socket.socketpair()
    try:
        with outside:
            _start(network, record, outside.fileno())
        python = os.path.realpath(sys.executable)
        yield Way(
            sees=(python, sys.base_prefix, _ENTER),
            argv=(python, *_BARE, _ENTER, str(inside.fileno()), str(_PORT)),
            environment=_variables(),
            keep_open=(inside.fileno(),),
        )
    finally:
        inside.close()
        _tell(log, refused(log)[known:])


def refusals_of(log: Path) -> Path:
    """The file beside a run's log in which its proxy keeps what it refused."""
    return log if log == Path(os.devnull) else log.with_name(f"{log.name}.refused")


def refused(log: Path) -> list[Refusal]:
    """What a run's proxies refused, as far as it was kept."""
    found: list[Refusal] = []
    with suppress(OSError), refusals_of(log).open("rb") as file:
        for line in file.read(_LONGEST).splitlines():
            with suppress(ValueError, KeyError, TypeError):
                found.append(Refusal.from_json(json.loads(line)))
    return found


def _tell(log: Path, found: Sequence[Refusal]) -> None:
    with suppress(OSError), os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "a") as file:
        file.writelines(f"network: {refusal}\n" for refusal in dict.fromkeys(found))


def _start(network: Network, record: Path, descriptor: int) -> None:
    names = list(network.allow) if network.reach is Reach.LISTED else None
    reached = json.dumps({"names": names, "networks": list(network.networks)})
    package = Path(__file__).parents[3]
    argv = [
        *_ALONE,
        os.path.realpath(sys.executable),
        *_BARE,
        "-c",
        _BOOT,
        str(package),
        str(descriptor),
        reached,
    ]
    try:
        subprocess.run(
            [*argv, str(record.absolute())],
            pass_fds=(descriptor,),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd="/",
            start_new_session=True,
            check=True,
        )
    except OSError as error:
        raise told(error, "The proxy of the cage cannot be started") from error
    except subprocess.SubprocessError as error:
        raise NeedsPerson("The proxy of the cage cannot be started. Nothing runs without.") from error


def _variables() -> Mapping[str, str]:
    """In both cases: curl and git read `http_proxy` in lower case alone, others only the upper one."""
    found = {"HTTP_PROXY": _ADDRESS, "HTTPS_PROXY": _ADDRESS, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {**found, **{name.lower(): value for name, value in found.items()}}
