"""The table of attacks: what code of a branch tried, and what it met. README and guide show it, tests prove each row."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])


class Group(Enum):
    """A row of README's table: what was tried, what it met without a cage, and in one."""

    FILES = ("read and write what is others': states, kept bundles, workspaces, plans, caches, mirrors, logs, "
             "database, configuration, secrets", "succeeds", "no such file")  # fmt: skip
    SWAPS = (
        "poison the provider cache, swap a plan before its apply",
        "found out by the checksum",
        "read-only; no such file",
    )
    STATE = (
        "another's state by backend, override, module, data source or link",
        "by path succeeds",
        "refused",
    )
    PROCESSES = (
        "see, signal and trace other processes, outlive the run",
        "succeeds",
        "not there; ended with it",
    )
    HOST = ("sockets, loopback, shared memory and queues of the host, metadata address, names that lead inside",
            "succeeds", "unreachable; refused by the proxy")  # fmt: skip
    KERNEL = (
        "setuid programs, devices, namespaces, kernel keys, io_uring, asynchronous input and output, leases",
        "as the host allows",
        "refused",
    )
    WORDS = (
        "plugins and CLI configuration of a branch, forged output, forged run marks",
        "not believed, but a mark until its process ends",
        "not believed",
    )
    AMOUNTS = ("fork bomb, memory, disk, output, endless time; pipes and links left in the place of files",
               "limited; cleared", "limited for the cage alone, but for inotify and pipes; cleared")  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A row of the guide's table, and of which group it is."""

    group: Group
    attack: str
    bare: str
    caged: str


class Row(Enum):
    """The rows of the guide's table."""

    FILES = Told(
        Group.FILES,
        "read and write others' states, kept bundles, workspaces, plans, step caches, providers, mirrors, logs, folders of `cage.writable`, "
        "the database, configuration, secrets in files, service credentials, `TMPDIR`",
        "succeeds",
        "no such file",
    )
    VARIABLES = Told(
        Group.FILES,
        "variables of envmgr's own, such as `$CREDENTIALS_DIRECTORY`",
        "not passed on",
        "not passed on",
    )
    ROTATED = Told(
        Group.FILES, "a secret file that is rotated while the run waits for it", "succeeds", "no such file"
    )
    CACHE = Told(
        Group.SWAPS,
        "put another provider into the organization's cache",
        "found out by its checksum before it is used",
        "read-only",
    )
    PLAN = Told(
        Group.SWAPS,
        "swap the plan between plan and apply, or the one that is being applied",
        "found out by its digest; sealed",
        "no such file; sealed",
    )
    OTHER_STATE = Told(
        Group.STATE,
        "another's state or code by `file()`, `terraform_remote_state`, a module's source",
        "succeeds",
        "no such file",
    )
    BACKEND = Told(Group.STATE, "a backend or an override of the branch's own", "refused", "refused")
    LINKS = Told(
        Group.STATE,
        "links out of the checkout; a link in place of the own local state",
        "succeed; refused",
        "lead nowhere; refused",
    )
    MOVED = Told(
        Group.STATE,
        "a link to another's folder in the place of Terraform's own, which envmgr goes on with",
        "not followed",
        "cannot be put there",
    )
    PROCESSES = Told(
        Group.PROCESSES,
        "`/proc` of others: environment, open files; signals; ptrace",
        "succeeds",
        "no such process",
    )
    LEFT_BEHIND = Told(
        Group.PROCESSES,
        "processes left behind in another session",
        "succeeds (swept after the run)",
        "ended with the command",
    )
    SOCKETS = Told(
        Group.HOST, "path sockets, abstract sockets, loopback of the host", "succeeds", "unreachable"
    )
    NETWORK = Told(
        Group.HOST,
        "metadata address, DNS, a name that leads inside, a name that changes its address",
        "succeeds",
        "no network; refused by the proxy",
    )
    SHARED_MEMORY = Told(
        Group.HOST,
        "shared memory, semaphores and message queues of another run or of the host, System V's and POSIX'",
        "succeeds",
        "not shared; none at all where the unit forbids IPC namespaces",
    )
    RIGHTS = Told(
        Group.KERNEL,
        "setuid programs, device nodes, nested namespaces",
        "as the host allows",
        "no further rights",
    )
    DEVICES = Told(
        Group.KERNEL,
        "owner and mode of the host's device nodes, where envmgr runs as root",
        "succeeds",
        "read-only file system",
    )
    CALLS = Told(
        Group.KERNEL,
        "devices, kernel keys, vsock, io_uring, another process's memory",
        "not tried",
        "refused",
    )
    COUNTS = Told(
        Group.AMOUNTS,
        "so many descriptors under way in sockets that envmgr can hand none to its own",
        "succeeds",
        "bounded to less than envmgr may have",
    )
    QUEUED = Told(
        Group.AMOUNTS,
        "all pending signals, timers and POSIX message queues that envmgr's user may have",
        "succeeds",
        "bounded to less than envmgr may have",
    )
    WATCHES = Told(
        Group.AMOUNTS,
        "all inotify instances that envmgr's user may have, so that no other run can watch files; envmgr has none",
        "succeeds",
        "succeeds",
    )
    PIPES = Told(
        Group.AMOUNTS,
        "all room in pipes that envmgr's user has, so that further pipes hold 8 KiB and not 64",
        "succeeds",
        "succeeds",
    )
    ASYNCHRONOUS = Told(
        Group.KERNEL,
        "all asynchronous input and output (`io_setup`) that the host may have under way",
        "succeeds",
        "refused",
    )
    LEASES = Told(
        Group.KERNEL,
        "a lease on a provider that all may read, for which whoever starts it waits",
        "succeeds",
        "refused",
    )
    PLUGINS = Told(
        Group.WORDS,
        "provider plugins and CLI configuration in the branch",
        "not looked at",
        "not looked at",
    )
    OUTPUT = Told(Group.WORDS, "lines forged into Terraform's own output", "not believed", "not believed")
    MARKS = Told(
        Group.WORDS,
        "a forged mark of another run",
        "taken for a child of it until it ends",
        "no child of that run",
    )
    LIMITS = Told(
        Group.AMOUNTS,
        "fork bomb, memory, processor time, size of a file, a full `/tmp` or `/dev/shm`, output, endless time",
        "the same limits, of processes for all of envmgr's user",
        "stopped, and the limit is named",
    )
    LEFTOVERS = Told(
        Group.AMOUNTS,
        "pipes, links and folders in the place of files that envmgr or Terraform reads or writes",
        "cleared; not followed",
        "cleared; not followed",
    )


def tries(*_: Row) -> Callable[[Test], Test]:
    """Says of which rows a test is the proof."""
    return lambda test: test
