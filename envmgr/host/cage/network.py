"""The way out of a cage that reaches a part of the network: by a proxy of its own, which ends with it."""

import atexit
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

from envmgr.domain.rules.network.egress import Refusal
from envmgr.domain.rules.network.upstream import Upstream, upstream_of
from envmgr.domain.values.cage import Network, Reach
from envmgr.host.system import told as told_of

_PORT = 3128
_ADDRESS = f"http://127.0.0.1:{_PORT}"
SSH_CONFIGURATION = f"""Host *
  ProxyCommand bash -c 'exec 3<>/dev/tcp/127.0.0.1/{_PORT}; printf "CONNECT %h:%p HTTP/1.1\\r\\n\\r\\n" >&3; read -r _ code _ <&3; [ "$code" = 200 ] || exit 1; while read -r line <&3 && [ "$line" != "${{line#??}}" ]; do :; done; cat <&3 2>/dev/null & trap "kill $!" EXIT; cat >&3'
"""
"""For a cage with a proxy: ssh, and so git by ssh, knows none by itself."""
_LONGEST = 64 * 1024
_PATIENCE = 2  # seconds
_BOOT = """import sys
sys.modules["ssl"] = None  # asyncio does without, in two thirds of the memory
sys.path.append(sys.argv.pop(1))
from envmgr.host.egress.launcher import main
main()"""
_BARE = ("-I", "-S")
"""Python without anybody's settings, and without packages: it starts in a third of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a cage needs for it: options of bubblewrap, variables of the child, descriptors."""

    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()


@contextmanager
def way(network: Network, log: Path, environment: Mapping[str, str]) -> Iterator[Way]:
    """Opens the way for one child, for as long as it lives; what was refused is told in its log at the end of the block.

    `environment` may name a proxy of the host's own, by which this one then goes. Raises NeedsPerson where there is no
    way.
    """
    if not network.reach.is_by_proxy:
        yield Way()
        return
    record = refusals_of(log)
    known = len(refused(log))
    upstream = upstream_of(environment)
    # By the one bubblewrap tells of the cage, by the other it is told that the proxy listens there.
    (info, told), (waiting, ready) = os.pipe(), os.pipe()
    try:
        try:
            _PROXIES.fork(_told(network, upstream, record), (info, ready))
        finally:
            os.close(info)
            os.close(ready)
        yield Way(
            options=("--info-fd", str(told), "--block-fd", str(waiting)),
            environment=_variables(),
            keep_open=(told, waiting),
        )
    finally:
        os.close(told)
        os.close(waiting)
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


def _told(network: Network, upstream: Upstream | None, record: Path) -> bytes:
    names = list(network.allow) if network.reach is Reach.LISTED else None
    reached = {"names": names, "networks": list(network.networks), "port": _PORT}
    return json.dumps(
        {**reached, "upstream": asdict(upstream) if upstream else None, "record": str(record.absolute())}
    ).encode()


class _Proxies:
    """The process that forks proxies, started when first needed, and anew where it has ended."""

    def __init__(self) -> None:
        self._making = Lock()
        self._control: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self._end)

    def fork(self, told: bytes, descriptors: tuple[int, int]) -> None:
        """Has one forked that is told this, and gets these descriptors; raises Transient where none can be."""
        with self._making:
            try:
                if self._control is not None:
                    with suppress(BrokenPipeError, ConnectionError):
                        _send(self._control, told, descriptors)
                        return
                    self._control.close()
                self._control = self._launched()
                _send(self._control, told, descriptors)
            except OSError as error:
                raise told_of(error, "The proxy of the cage cannot be started") from error

    def _end(self) -> None:
        if self.process is not None and self._control is not None:
            self._control.close()
            with suppress(subprocess.TimeoutExpired):  # what it forked goes on
                self.process.wait(_PATIENCE)

    def _launched(self) -> socket.socket:
        # Packets keep their borders: one order is one read, and an empty one the other side's end.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package = Path(__file__).parents[3]
        with theirs:
            self.process = subprocess.Popen(
                [os.path.realpath(sys.executable), *_BARE, "-c", _BOOT, str(package), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return ours


_PROXIES = _Proxies()


def _send(control: socket.socket, told: bytes, descriptors: tuple[int, int]) -> None:
    """With all that we may have open: a cage may have half of it, and so cannot have more under way than we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        socket.send_fds(control, [told], descriptors)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _variables() -> Mapping[str, str]:
    """In both cases: curl and git read `http_proxy` in lower case alone, others only the upper one."""
    found = {"HTTP_PROXY": _ADDRESS, "HTTPS_PROXY": _ADDRESS, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {**found, **{name.lower(): value for name, value in found.items()}}
