"""The system calls that a cage refuses, as a filter for the kernel (seccomp, classic BPF).

Namespaces confine what is asked of the kernel in the usual ways. What is refused here is what would make new
namespaces and mounts, in which a hole of the kernel is easier to reach, what knows no namespaces (the kernel's keys,
sockets of the virtual machine's host), what holds up others (leases: whoever opens a file under one waits; asynchronous
input and output, of which there is an amount for the whole host), and what goes around a filter (io_uring).
"""

import errno
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from envmgr.domain.errors import NeedsPerson

_LOAD, _JUMP_EQUAL, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _MACHINE, _FIRST = (
    0,
    4,
    16,
)  # in struct seccomp_data: the call, whose numbers these are, low half of argument 0
_SECOND = 24
_X32 = 0x40000000

NAMESPACES = 0x7E020000
"""Flags of `clone` that make namespaces; its lowest bits are a signal."""
_TIME_NAMESPACE = 0x80  # of `unshare` alone
_FAMILIES = (0, 1, 2, 10, 16)  # unspecified, unix, IPv4, IPv6, netlink
_PUSH_INPUT, _CONSOLE = 0x5412, 0x541C  # TIOCSTI, TIOCLINUX: keys typed into another's terminal
_SET_LEASE, _SET_DELEGATION = 1024, 1040  # F_SETLEASE, F_SETDELEG: also on what is shown to be read alone

Numbers = tuple[int, int | None]
"""Of x86-64 and of AArch64, which does not have all of them."""

_CLONE: Numbers = (56, 220)
_UNSHARE: Numbers = (272, 97)
_SOCKET: Numbers = (41, 198)
_SOCKET_PAIR: Numbers = (53, 199)
_IOCTL: Numbers = (16, 29)
_FCNTL: Numbers = (72, 25)
_REFUSED: dict[str, Numbers] = {
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
}
# Answered as by a kernel that has none of these, so that programs fall back to what there was before.
_UNKNOWN: dict[str, Numbers] = {
    "clone3": (435, 435),  # its flags lie in memory, where no filter sees them: programs fall back to clone
    "io_setup": (206, 0),  # of what a whole host may have under way whoever comes first takes all
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443),
    "open_tree_attr": (467, 467),
}
_IPC: dict[str, Numbers] = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
}
"""All that an IPC namespace separates, as a kernel that was built without it. 32-bit programs, whose one call `ipc` does all
of it, are not let in at all."""
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

Instruction = tuple[int, int, int, int]


@lru_cache(maxsize=4)
def filter_of(machine: str | None = None, *, has_own_ipc: bool = True) -> bytes:
    """The filter for a machine (this one) as the kernel takes it; raises NeedsPerson where we know none.

    `has_own_ipc` is whether the cage has an IPC namespace: without one no call reaches what that would separate.
    """
    name = machine or os.uname().machine
    if name not in _MACHINES:
        raise NeedsPerson(
            f"A cage cannot be made on a {name} processor: envmgr knows the system calls of "
            f"{' and '.join(sorted(_MACHINES))} only. Set `cage: {{kind: none}}`, or run envmgr on one of these."
        )
    absent = _UNKNOWN if has_own_ipc else {**_UNKNOWN, **_IPC}
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(*_MACHINES[name], absent))


def _program(audit: int, column: int, absent: Mapping[str, Numbers]) -> Iterator[Instruction]:
    yield (_LOAD, 0, 0, _MACHINE)
    yield (_JUMP_EQUAL, 1, 0, audit)
    yield (_RETURN, 0, 0, _KILL)  # the same calls under other numbers
    yield (_LOAD, 0, 0, _NUMBER)
    if column == 0:
        # The x32 ABI has the same calls under other numbers.
        yield (_JUMP_ANY, 0, 1, _X32)
        yield (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
    for numbers in _REFUSED.values():
        yield from _answer(numbers[column], _ERRNO | errno.EPERM)
    for numbers in absent.values():
        yield from _answer(numbers[column], _ERRNO | errno.ENOSYS)
    yield from _with_flags(_CLONE[column], NAMESPACES)
    yield from _with_flags(_UNSHARE[column], NAMESPACES | _TIME_NAMESPACE)
    yield from _where(_IOCTL[column], _SECOND, (_PUSH_INPUT, _CONSOLE), (_ALLOW, _ERRNO | errno.EPERM))
    yield from _where(_FCNTL[column], _SECOND, (_SET_LEASE, _SET_DELEGATION), (_ALLOW, _ERRNO | errno.EPERM))
    for call in (_SOCKET, _SOCKET_PAIR):
        yield from _where(call[column], _FIRST, _FAMILIES, (_ERRNO | errno.EAFNOSUPPORT, _ALLOW))
    yield (_RETURN, 0, 0, _ALLOW)


def _answer(number: int | None, answer: int) -> Iterator[Instruction]:
    """The number is loaded before and after: each part leaves it so."""
    if number is not None:
        yield (_JUMP_EQUAL, 0, 1, number)
        yield (_RETURN, 0, 0, answer)


def _with_flags(number: int | None, flags: int) -> Iterator[Instruction]:
    if number is not None:
        yield (_JUMP_EQUAL, 0, 4, number)
        yield (_LOAD, 0, 0, _FIRST)
        yield (_JUMP_ANY, 0, 1, flags)
        yield (_RETURN, 0, 0, _ERRNO | errno.EPERM)
        yield (_RETURN, 0, 0, _ALLOW)


def _where(
    number: int | None, argument: int, values: Sequence[int], answers: tuple[int, int]
) -> Iterator[Instruction]:
    """One answer where the argument is none of the values, another where it is."""
    if number is not None:
        yield (_JUMP_EQUAL, 0, 3 + len(values), number)
        yield (_LOAD, 0, 0, argument)
        for position, value in enumerate(values):
            yield (_JUMP_EQUAL, len(values) - position, 0, value)
        for answer in answers:
            yield (_RETURN, 0, 0, answer)
