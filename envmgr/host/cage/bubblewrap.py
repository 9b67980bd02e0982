"""A cage by bubblewrap: own mounts, users, processes, network, and a filter of system calls.

What is started is a shell that waits for bubblewrap, which waits for the child. The shell and bubblewrap heed neither
SIGINT nor SIGTERM, which are sent to their whole group: the child alone decides what to do about them, and whoever
waits for the shell learns of the child's end. Whatever kills the shell, or bubblewrap, kills all in the cage with it:
that the shell is dead proves that nothing of the run is left. It does not die with envmgr, so that another process
may go on waiting for it.
"""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Self

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.cage import TERRAFORM
from envmgr.domain.values.cage import Cage, CageLimits, Network, Purpose, Reach
from envmgr.host.children.child import Ended, Start
from envmgr.host.landlock import is_there
from envmgr.ports import RUN_MARK

from .bounds import CageBounds, apart, bounds
from .devices import shielded
from .limits import files, limited, rationed
from .mounts import hidden_ipc, mounts
from .network import SSH_CONFIGURATION, way
from .system_calls import filter_of
from .user import user_of

PROGRAM = "bwrap"
_SECONDS = 10
_SIGNAL = 128
_DEAF = ("sh", "-c")
# With a command after it the shell stays, in place of becoming its last one.
_WAITS = 'ulimit -c 0; ulimit -n "$1"; shift; trap "" INT TERM; "$@"; exit $?'
_ENTERS = f'echo 0 > "$1" || exit 125; shift; {_WAITS}'
"""Goes into a control group first: nothing that it starts is ever outside."""
# A signal that is ignored stays so in whatever is started: the child is given its own back.
_HEARING = ("env", "--default-signal=INT,TERM")
_OUTSIDE = ("PATH", "LANG", "LC_ALL", RUN_MARK)
"""By these the processes in front are found, and find what they start."""
# No own view of control groups: there is none of them inside to be looked at.
_WORLD = ("--unshare-user", "--unshare-pid", "--cap-drop", "ALL")
_APART = ("--unshare-ipc", "--unshare-uts")
"""Where the host and the unit allow it; without, the filter refuses all that these would separate."""
_LOOKUP = "passwd: files\ngroup: files\nhosts: files dns\n"
_ELSE = (
    "install bubblewrap and allow user namespaces (kernel.unprivileged_userns_clone, AppArmor, the service's "
    "RestrictNamespaces), or set `cage: {kind: none}`"
)


class NoCage(NeedsPerson):
    """No cage can be made on this host; `why` is the reason alone."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The cage cannot be made on this host: {why}. Nothing runs without: {_ELSE}.")
        self.why = why


@contextmanager
def caged(start: Start, cage: Cage, log: Path) -> Iterator[Start]:
    """What is really to be started for a child in its cage, within the block; `log` is its run's.

    Raises NeedsPerson where the cage cannot be made: nothing runs without.
    """
    if cage.is_closed:
        require()
    with bounds(cage, log) as bound:
        start = replace(start, bounds=bound)
        if cage.is_closed:
            with _closed(start, cage, log, bound) as made:
                yield made
        else:
            yield _unconfined(start, cage)


@contextmanager
def _closed(start: Start, cage: Cage, log: Path, bound: CageBounds) -> Iterator[Start]:
    with way(cage.network, log, {**os.environ, **start.environment}) as out, _Papers() as papers:
        child = [*_HEARING, *rationed(start.argv, apart(cage.limits), is_caged=True)]
        inside = {**start.environment, **out.environment}
        options = [
            *_options(cage, start.folder, papers, log, is_apart=has_own_ipc()),
            *out.options,
            *_variables(inside),
        ]
        arguments = papers.hold("\0".join(options))
        yield replace(
            start,
            argv=[*_front(bound), *shielded(papers.hold), PROGRAM, "--args", arguments, "--", *child],
            environment={name: inside[name] for name in _OUTSIDE if name in inside},
            keep_open=(*start.keep_open, *papers.descriptors, *out.keep_open),
            memory=None,
            scoped=is_there(PROGRAM),
        )


def _front(bound: CageBounds | None = None) -> list[str]:
    if bound is None or bound.group is None:
        return [*_DEAF, _WAITS, "envmgr", str(files())]
    return [*_DEAF, _ENTERS, "envmgr", str(bound.group.entrance), str(files())]


def _variables(environment: Mapping[str, str]) -> list[str]:
    """In a file in memory: the processes in front of the cage have none of them, and a shell passes on only some."""
    return [
        "--clearenv",
        *(part for name, value in environment.items() for part in ("--setenv", name, value)),
    ]


def _unconfined(start: Start, cage: Cage) -> Start:
    """Limits alone. Terraform's memory is limited from outside, so that mostly nothing comes between."""
    limits = apart(cage.limits)
    if cage.purpose not in TERRAFORM:
        return replace(start, argv=limited(start.argv, limits))
    rest = replace(limits, memory=None, time=None, cores=None)
    return start if rest == CageLimits() else replace(start, argv=rationed(start.argv, rest))


def ended(found: Ended, cage: Cage) -> Ended:
    """How the child ended, by how the shell in front of it did: a signal has become a number above 128."""
    is_signal = cage.is_closed and found.code > _SIGNAL
    return replace(found, code=_SIGNAL - found.code) if is_signal else found


@lru_cache(maxsize=1)
def require() -> str:
    """Bubblewrap's version, where a process can be confined on this host; NoCage where none can.

    Asked once: what can be made once can be made again.
    """
    filter_of()
    if shutil.which(PROGRAM) is None:
        raise NoCage(f"{PROGRAM} is not installed")
    has_own_ipc()
    return _run([PROGRAM, "--version"], ()).stdout.strip()


@lru_cache(maxsize=1)
def has_own_ipc() -> bool:
    """Whether a cage here has shared memory, semaphores and message queues of its own; where not, it has none.

    Found by trying: a unit may forbid the namespace (`RestrictNamespaces=`). NoCage where none can be made either way.
    """
    with suppress(NoCage):
        _try(is_apart=True)
        return True
    _try(is_apart=False)
    return False


def _try(*, is_apart: bool) -> None:
    empty = Cage(kind="bwrap", purpose=Purpose.SHOW, network=Network(reach=Reach.NOTHING))
    with _Papers() as papers:
        options = _options(empty, Path("/"), papers, Path(os.devnull), is_apart=is_apart)
        done = _run(
            [
                *_front(),
                *shielded(papers.hold),
                PROGRAM,
                *options,
                "--",
                *_HEARING,
                *rationed(["true"], CageLimits()),
            ],
            papers.descriptors,
        )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:200] or f"exit {done.returncode}"
        raise NoCage(said.rstrip("."))


def _run(argv: Sequence[str], files: Sequence[int]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=_SECONDS, pass_fds=files, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCage(f"{PROGRAM} does not work") from error


class _Papers:
    """Files in memory that a child inherits: what is in them is no argument that others see."""

    def __init__(self) -> None:
        self.descriptors: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)

    def hold(self, content: str | bytes) -> str:
        """Makes one; gives its descriptor as an argument."""
        descriptor = os.memfd_create("cage")
        self.descriptors = (*self.descriptors, descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode(errors="surrogateescape"))
            file.seek(0)  # the child reads from where we stand
        return str(descriptor)


def _options(cage: Cage, folder: Path, papers: _Papers, log: Path, *, is_apart: bool) -> list[str]:
    return [
        *_WORLD,
        *(_APART if is_apart else ()),
        *(() if cage.network.reach is Reach.HOST else ("--unshare-net",)),
        *(() if cage.outlives else ("--die-with-parent",)),
        *mounts(cage),
        *(() if is_apart else hidden_ipc()),
        *(
            part
            for path, text in _files(cage, log).items()
            for part in (
                "--file",
                papers.hold(text),
                path,
            )  # in the root, which becomes read-only: no mount each
        ),
        *("--remount-ro", "/", "--seccomp", papers.hold(filter_of(has_own_ipc=is_apart))),
        *("--chdir", str(folder)),
    ]


def _files(cage: Cage, log: Path) -> dict[str, str]:
    """Of /etc what says who and where it is: nothing of other users."""
    own = user_of(log) if cage.purpose in TERRAFORM else ""
    user, number, group = own or _user(), os.getuid(), os.getgid()
    found = {
        "/etc/passwd": f"{user}:x:{number}:{group}::/tmp:/bin/sh\n",  # its own
        "/etc/group": f"{user}:x:{group}:\n",
        "/etc/nsswitch.conf": _LOOKUP,
    }
    if cage.network.reach is not Reach.HOST:
        found |= {"/etc/ssh/ssh_config": SSH_CONFIGURATION} if cage.network.reach.is_by_proxy else {}
        found["/etc/hosts"] = f"127.0.0.1 localhost {socket.gethostname()}\n::1 localhost\n"
    return found


def _user() -> str:
    """The same name as outside."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
