"""Whether a cage holds on this host: tried with a real child that tries to get out."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from envmgr.config.sections.size import format_size
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.cage import confine
from envmgr.domain.values.cage import CageLimits, CageRules, Ground, Network, Purpose, Reach
from envmgr.host.children.child import Start, begin
from envmgr.host.control_group import controllers, of_services
from envmgr.host.landlock import is_there, version

from . import bubblewrap
from .bubblewrap import caged, require
from .devices import can_shield
from .mounts import ROOM

_SECONDS = 20
# Each line that it prints says what it should not have come by. $1 are an organization's providers, $2 is its own folder,
# and what comes after the six is others'.
_SCRIPT = """
test "$(ls -d /proc/[0-9]* | wc -l)" -lt 10 || echo "it sees the processes of others"
if test ! -d "$1"; then echo "it does not see the organization's providers"
elif (: > "$1/.envmgr-trial") 2>/dev/null; then rm "$1/.envmgr-trial"; echo "it may write to the organization's providers"; fi
if test -w /proc/sys/kernel/core_pattern; then echo "it may change the kernel's settings"; fi
if (: > /usr/.envmgr-trial) 2>/dev/null; then echo "it may write to /usr"; fi
(: > "$2/written") 2>/dev/null || echo "it may not write to its own folder"
if unshare --user true 2>/dev/null; then echo "it may make namespaces of its own"; fi
if test -n "$4" && ! "$4" -I -S -c "$5"; then echo "the proxy does not refuse a private address"; fi
if test -n "$6" && { ipcmk -Q >/dev/null 2>&1 || test -n "$(ls /proc/sysvipc 2>/dev/null)"; }; then
  echo "it has the shared memory and queues of others"
fi
if test -n "$3" && grep -qvE '^ *(lo:|Inter-|face)' /proc/net/dev; then echo "it has a network"; fi
shift 6
for path; do test ! -e "$path" || echo "it sees $path"; done
"""
# With nothing but the standard library, as curl need not be there. No list has this address, and it is not public.
_REFUSED = """
import socket
proxy = socket.create_connection(("127.0.0.1", 3128), 10)
proxy.sendall(b"CONNECT 127.0.0.9:9 HTTP/1.1\\r\\n\\r\\n")
assert proxy.recv(12) == b"HTTP/1.1 403"
"""


def tried(rules: CageRules, providers: Path, hidden: Sequence[Path]) -> str:
    """What was seen to hold of an organization's cage.

    `providers` is the folder of those that its environments share, which a child reads and does not write; `hidden` is
    what lies on this host and is no child's to see. Raises NeedsPerson where a cage cannot be made here, or does not hold.
    """
    version = require()
    with tempfile.TemporaryDirectory(prefix="envmgr-cage-") as own, tempfile.TemporaryFile() as output:
        reach = rules.network.reach
        # Not the organization's own list and networks: they may have the address that is asked for.
        python = os.path.realpath(sys.executable)
        asked = CageRules(
            kind=rules.kind,
            network=Network(reach=reach),
            limits=rules.limits,
            readable=(*rules.readable, python, sys.base_prefix),
        )
        cage = confine(Purpose.DEPLOY, asked, Ground(code=own, tools=(str(providers),)), CageLimits())
        start = Start(
            argv=(
                *("sh", "-c", _SCRIPT, "envmgr", str(providers), own, "" if reach is Reach.HOST else "none"),
                *(python if reach.is_by_proxy else "", _REFUSED, "" if bubblewrap.has_own_ipc() else "none"),
                *map(str, hidden),
            ),
            folder=Path(own),
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            output=output.fileno(),
            errors=output.fileno(),
        )
        with caged(start, cage, Path(os.devnull)) as made:
            code = _run(made)
        output.seek(0)
        said = " ".join(output.read(2000).decode(errors="replace").split())
    if code != 0 or said:
        raise NeedsPerson(
            f"The cage does not hold on this host ({said or f'exit {code}'}): mend that before code that you do not "
            "trust runs here."
        )
    network = {Reach.HOST: "the host's network", Reach.NOTHING: "no network"}.get(
        reach, "no network but by the proxy, which refuses a private address"
    )
    return (
        f"{version}; tried: own processes, own files, the organization's providers read-only, {network}, no namespaces within{_ipc()}{_second()}"
        f"{_as_root()}"
    )


def _ipc() -> str:
    """What a cage does without where it may not have it to itself."""
    if bubblewrap.has_own_ipc():
        return ""
    return "; no IPC namespace here, so no System V memory, semaphores and queues and no POSIX queues either"


def _as_root() -> str:
    """A warning where a cage's files are root's; the host's devices that it shows are its own where nothing shields them."""
    if os.geteuid() != 0:
        return ""
    devices = "" if can_shield() else ", as which a cage may close /dev/null to others"
    return f"; warning: envmgr runs as root{devices}: give it a user of its own"


def limited() -> str:
    """Which limits of a run hold how on this host, by the services that run here."""
    own = controllers()
    found = {"envmgr": own, **of_services()} if own else of_services()
    size = format_size(ROOM)
    if not any(found.values()):
        return (
            "no control group is delegated to a running envmgr (start the service; it needs cgroup v2): memory and "
            "processor time are limited for each process and cores are not, processes in a cage for each command; a "
            f"cage's /tmp, /var/tmp and /dev/shm take up to {size} each beside that, and other shared memory is not "
            "counted; disk and time hold for a whole run"
        )
    said = "; ".join(f"{unit} limits each run as a whole by {', '.join(by)}" for unit, by in found.items())
    return f"{said}; a cage's /tmp, /var/tmp and /dev/shm take up to {size} each, all shared memory counts as its memory"


def _second() -> str:
    """Whether there is a second layer, whose absence is no fault: the first one holds without."""
    if is_there():
        return "; Landlock keeps signals and abstract sockets inside as well"
    return f"; no Landlock as a second layer (it takes Linux 6.12; the kernel tells of version {version()})"


def _run(start: Start) -> int:
    try:
        child = begin(start)
        try:
            return child.wait(_SECONDS)
        finally:
            child.kill()
            child.wait()
    except (OSError, subprocess.SubprocessError) as error:
        raise NeedsPerson("The cage does not hold on this host: its trial could not be ended.") from error
