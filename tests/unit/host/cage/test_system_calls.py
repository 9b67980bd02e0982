"""The filter of system calls, run as the kernel runs it: instruction by instruction, for both processors."""

import errno
import struct

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.host.cage.system_calls import filter_of

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = sorted(AUDIT)
NEW_USER, NEW_NET, NEW_TIME = 0x10000000, 0x40000000, 0x80
SIGCHLD, THREAD = 17, 0x003D0F00


def verdict(
    machine: str, number: int, *arguments: int, audit: int | None = None, has_own_ipc: bool = True
) -> int:
    """What the filter answers to a call."""
    data = struct.pack("=IIQ6Q", number, audit or AUDIT[machine], 0, *arguments, *[0] * (6 - len(arguments)))
    program = list(struct.iter_unpack("=HBBI", filter_of(machine, has_own_ipc=has_own_ipc)))
    assert len(program) < 4096
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, value = program[position]
        position += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x15:
                position += if_true if accumulator == value else if_false
            case 0x45:
                position += if_true if accumulator & value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(code)


def of(machine: str, x86: int, arm: int) -> int:
    """A call's number."""
    return x86 if machine == "x86_64" else arm


@pytest.mark.parametrize("machine", MACHINES)
def test_what_programs_do_all_day_is_allowed(machine: str) -> None:
    for x86, arm in [
        (0, 63),
        (1, 64),
        (59, 221),
        (257, 56),
        (262, 79),
        (231, 94),
        (62, 129),
        (202, 98),
        (101 + 1, 174),
    ]:
        assert verdict(machine, of(machine, x86, arm)) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_processes_and_threads_are_made_and_namespaces_are_not(machine: str) -> None:
    clone, unshare = of(machine, 56, 220), of(machine, 272, 97)
    assert verdict(machine, clone, SIGCHLD) == ALLOW
    assert verdict(machine, clone, THREAD) == ALLOW
    assert verdict(machine, unshare, 0x200) == ALLOW  # its own working folder
    for flags in (NEW_USER, NEW_NET | SIGCHLD, 0x20000, 0x7E020000):
        assert verdict(machine, clone, flags) == REFUSE | errno.EPERM
        assert verdict(machine, unshare, flags) == REFUSE | errno.EPERM
    assert verdict(machine, unshare, NEW_TIME) == REFUSE | errno.EPERM
    assert verdict(machine, clone, NEW_TIME) == ALLOW  # there a part of a signal's number


@pytest.mark.parametrize("machine", MACHINES)
def test_what_hides_its_flags_is_not_there(machine: str) -> None:
    """So that programs fall back to what can be looked at."""
    for number in (435, 425, 426, 427, 429, 442):
        assert verdict(machine, number) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("x86", "arm"), [(165, 40), (308, 268), (101, 117), (250, 219), (321, 280), (310, 270)]
)
def test_mounts_keys_and_other_processes_memory_are_refused(machine: str, x86: int, arm: int) -> None:
    assert verdict(machine, of(machine, x86, arm)) == REFUSE | errno.EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_sockets_are_those_of_the_network_namespace(machine: str) -> None:
    for call in (of(machine, 41, 198), of(machine, 53, 199)):
        for family in (1, 2, 10, 16):
            assert verdict(machine, call, family) == ALLOW
        for family in (
            17,
            30,
            31,
            38,
            40,
        ):  # packets, TIPC, Bluetooth, the kernel's ciphers, the host of a virtual machine
            assert verdict(machine, call, family) == REFUSE | errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_is_typed_into_a_terminal(machine: str) -> None:
    call = of(machine, 16, 29)
    assert verdict(machine, call, 0, 0x5401) == ALLOW
    assert verdict(machine, call, 0, 0x5412) == REFUSE | errno.EPERM
    assert verdict(machine, call, 0x5412, 0x5401) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_no_file_is_leased(machine: str) -> None:
    """Whoever opens it would wait for up to 45 s. Locks, copies of descriptors and flags are as ever."""
    call = of(machine, 72, 25)
    for command in (1024, 1040):
        assert verdict(machine, call, 3, command, 1) == REFUSE | errno.EPERM
    for command in (0, 1, 2, 3, 4, 6, 1025, 1030, 1033):
        assert verdict(machine, call, 1024, command) == ALLOW


def test_the_same_calls_by_other_numbers_are_refused() -> None:
    assert verdict("x86_64", 165, audit=0x40000003) == KILL  # as of a 32-bit program
    assert verdict("x86_64", 0x40000000 | 165) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("has_own_ipc", [True, False])
def test_shared_memory_and_queues_are_had_in_a_namespace_alone(machine: str, *, has_own_ipc: bool) -> None:
    """All calls of System V's and POSIX' queues: 29 to 31 and 64 to 71 are those of x86-64, 180 to 197 of AArch64."""
    calls = (
        [*range(29, 32), *range(64, 72), 220, *range(240, 246)] if machine == "x86_64" else [*range(180, 198)]
    )
    answer = ALLOW if has_own_ipc else REFUSE | errno.ENOSYS
    assert {verdict(machine, call, has_own_ipc=has_own_ipc) for call in calls} == {answer}
    neighbours = (28, 32, 63, 72, 219, 221, 239) if machine == "x86_64" else (179, 198)
    assert {verdict(machine, call, 1, has_own_ipc=False) for call in neighbours} == {ALLOW}
    assert verdict(machine, 117, audit=0x40000003, has_own_ipc=False) == KILL  # `ipc`, of 32-bit programs


def test_a_processor_that_is_not_known_has_no_cage() -> None:
    with pytest.raises(NeedsPerson, match="cannot be made on a riscv64 processor"):
        filter_of("riscv64")
