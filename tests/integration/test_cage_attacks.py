"""What code of a branch tries against others on its host: each attack works without a cage, and not from one."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from envmgr.adapters.processes import Processes
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import CageKind, CageLimits, Reach
from envmgr.host.cage import mounts
from envmgr.host.cage.bubblewrap import require
from envmgr.ports import RUN_MARK
from tests.integration.attack_ground import ALICE, LOOT, SECRET, AttackGround, attack_ground

KINDS: list[CageKind] = ["none", "bwrap"]
MIB = 1024**2
is_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can leave a file of root's behind")


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    try:
        require()
    except NeedsPerson as error:
        pytest.skip(str(error))


@pytest.fixture
def ground() -> Iterator[AttackGround]:
    with attack_ground() as made:
        yield made


def succeeds(ground: AttackGround, kind: CageKind, script: str, *arguments: str) -> None:
    """Asserts that an attack comes by something without a cage, and by nothing from one."""
    printed = ground.attack(kind, script, *arguments)
    assert (LOOT in printed) == (kind == "none"), printed


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_others_are_neither_read_nor_written(ground: AttackGround, kind: CageKind) -> None:
    """States, workspaces, plans, caches, mirrors, logs, the database, configuration and secrets."""
    read = 'for path; do if test -e "$path"; then echo "there $path"; fi; cat "$path" 2>/dev/null; done'
    write = 'for path; do mkdir -p "$(dirname "$path")"; echo changed > "$path"; done 2>/dev/null'
    paths = list(map(str, ground.targets.values()))
    printed = ground.attack(kind, read, *paths)
    assert printed.count(SECRET) == (len(paths) if kind == "none" else 0)
    assert ("there" in printed) == (kind == "none"), printed
    ground.attack(kind, write, *paths)  # in a cage it may have made files of these names, for itself
    changed = [path for path in paths if "changed" in Path(path).read_text()]
    assert changed == (paths if kind == "none" else [])


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_place_is_its_own(ground: AttackGround, kind: CageKind) -> None:
    """What it needs it has: else nothing that is refused would prove anything."""
    script = """
    for folder in . "$HOME" "$1" "$2" /tmp; do echo x > "$folder/written"; done
    cat "$3"; echo; id -u; cat /proc/sys/kernel/hostname
    rm /tmp/written
    """
    tmp, cache = ground.place / "tmp", ground.layout.step_cache(ALICE)
    printed = ground.attack(kind, script, str(tmp), str(cache), str(ground.place / "outputs.json"))
    assert printed.splitlines() == [SECRET, str(ground.user), socket.gethostname()]
    for folder in (ground.place / "checkout", ground.place / "home", tmp, cache):
        assert (folder / "written").exists()


def test_what_is_given_to_be_read_and_the_system_are_not_written(ground: AttackGround) -> None:
    script = 'for path in "$1" /usr/x /etc/x /x /run/x; do echo x > "$path" && echo "$LOOT $path"; done 2>/dev/null'
    assert ground.attack("bwrap", script, str(ground.place / "outputs.json")) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_links_lead_nowhere(ground: AttackGround, kind: CageKind) -> None:
    """Out of the checkout, whoever made them."""
    (ground.place / "checkout/link").symlink_to(ground.targets["secret"])
    succeeds(ground, kind, 'grep -q secret link && echo "$LOOT"')


@pytest.mark.parametrize("kind", KINDS)
def test_processes_of_others_are_not_there(ground: AttackGround, kind: CageKind) -> None:
    """Neither their environment, where credentials are, nor their open files, nor a signal reaches them."""
    other = ground.other("sleep", "60", TOKEN=SECRET)
    time.sleep(0.2)
    succeeds(ground, kind, 'cat /proc/[0-9]*/environ 2>/dev/null | grep -aq the-secret-of && echo "$LOOT"')
    succeeds(ground, kind, f'test -e /proc/{other.pid} && echo "$LOOT"')
    ground.attack(
        kind, f"kill -TERM {other.pid}; kill -9 -1" if kind == "bwrap" else f"kill -TERM {other.pid}"
    )
    time.sleep(0.2)
    assert (other.poll() is None) == (kind == "bwrap")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_behind(ground: AttackGround, kind: CageKind) -> None:
    """Whatever session it has."""
    beat = ground.place / "checkout/beat"
    script = "setsid sh -c 'exec >/dev/null 2>&1; echo $$ > pid; while :; do date +%s%N > beat; sleep 0.05; done' &\nsleep 0.5"
    ground.attack(kind, script)
    last = beat.read_text()
    time.sleep(0.5)
    assert (beat.read_text() != last) == (kind == "none")
    if kind == "none":
        os.kill(int((beat.with_name("pid")).read_text()), 9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", ["abstract", "path", "loopback"])
def test_sockets_of_this_host_are_out_of_reach(ground: AttackGround, kind: CageKind, address: str) -> None:
    """Of Docker, PostgreSQL, the journal and whoever else listens here."""
    with closing(socket.socket(socket.AF_INET if address == "loopback" else socket.AF_UNIX)) as listener:
        path, port = ground.folder / "service.sock", 0
        if address == "loopback":
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        else:
            listener.bind(f"\0{_ABSTRACT}" if address == "abstract" else str(path))
        if address == "path":
            path.chmod(0o777)
        listener.listen()
        script = f"perl -MSocket -e '{_CONNECT[address]} and print $ENV{{LOOT}}' \"$@\""
        succeeds(ground, kind, script, str(path), str(port))


_ABSTRACT = "envmgr-attack"
_CONNECT = {
    "abstract": f"socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(qq(\\0{_ABSTRACT})))",
    "path": "socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0]))",
    "loopback": "socket(S, AF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in($ARGV[1], INADDR_LOOPBACK))",
}


@pytest.mark.parametrize("reach", [Reach.NOTHING])
def test_without_a_network_there_is_none(ground: AttackGround, reach: Reach) -> None:
    """No address of the cloud's metadata, no names, no interface but its own loopback."""
    script = """
    grep -vE '^ *(lo:|Inter-|face)' /proc/net/dev
    getent hosts example.com && echo "$LOOT"
    perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in(80, inet_aton(q{169.254.169.254}))) and print $ENV{LOOT}; print "$!\\n"'
    """
    assert ground.attack("bwrap", script, reach.value).strip() == "Network is unreachable"


@pytest.mark.parametrize("kind", KINDS)
def test_no_namespaces_are_made_within(ground: AttackGround, kind: CageKind) -> None:
    """In which more of the kernel could be reached."""
    succeeds(ground, kind, 'unshare --user --map-root-user true && echo "$LOOT"')
    if kind == "bwrap":
        for command in ("unshare --mount true", "unshare --net true", "bwrap --ro-bind / / true"):
            assert LOOT not in ground.attack(kind, f'{command} && echo "$LOOT"')


def test_system_calls_that_know_no_namespaces_are_refused(ground: AttackGround) -> None:
    """The kernel's keys, the host of a virtual machine, io_uring, another's memory; by the real kernel."""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers here are x86-64's")
    calls = {
        "add_key": 248,
        "keyctl": 250,
        "bpf": 321,
        "ptrace": 101,
        "process_vm_readv": 310,
        "setns": 308,
        "mount": 165,
    }
    printed = ground.attack(
        "bwrap",
        "".join(
            f"perl -e 'syscall({number}, 0, 0, 0, 0, 0); print $!{{EPERM}} ? q(no) : q({name})'\n"
            for name, number in calls.items()
        ),
    )
    assert printed == "no" * len(calls)
    assert (
        ground.attack("bwrap", "perl -e 'syscall(425, 8, 0); print $!{ENOSYS} ? q(no) : q(io_uring)'") == "no"
    )
    assert (
        ground.attack("bwrap", "perl -e 'socket(S, 40, 1, 0); print $!{EAFNOSUPPORT} ? q(no) : q(vsock)'")
        == "no"
    )


def test_there_are_no_devices_and_none_are_made(ground: AttackGround) -> None:
    printed = ground.attack(
        "bwrap", "ls /dev; mknod here b 254 0 2>/dev/null && echo $LOOT; ls /sys /home /root /run"
    )
    found = set(printed.replace(":", "").split())
    assert {"null", "zero", "urandom"} <= found
    assert LOOT not in printed
    assert not {"kmsg", "mem", "vda", "sda", "kvm", "fuse", "net", "loop0", "envmgr"} & found


@is_root
@pytest.mark.parametrize("kind", KINDS)
def test_no_program_gives_the_rights_of_another(ground: AttackGround, kind: CageKind) -> None:
    program = ground.place / "checkout/become"
    shutil.copy(shutil.which("id") or "", program)
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    succeeds(ground, kind, './become | grep -q "euid=0" && echo "$LOOT"')


@pytest.mark.parametrize("kind", KINDS)
def test_memory_that_is_shared_on_the_host_is_not_shared_with_a_cage(
    ground: AttackGround, kind: CageKind
) -> None:
    made = ground.other(
        "perl", "-e", "$| = 1; $i = shmget(7654321, 4096, 0600 | 01000); print qq($i\\n); sleep 60"
    )
    assert made.stdout is not None
    made.stdout.readline()
    try:
        succeeds(ground, kind, "perl -e 'defined shmget(7654321, 4096, 0600) and print $ENV{LOOT}'")
    finally:
        subprocess.run(["ipcrm", "-M", "7654321"], check=False, capture_output=True)


def test_nothing_of_ours_is_open_in_it(ground: AttackGround) -> None:
    """Neither what bubblewrap was told, nor a folder that leads out."""
    known = "-e /dev/null -e deleted -e eventfd -e pipe: -e '/proc/[0-9]*/fd'"
    script = f"ls -l /proc/self/fd /proc/1/fd | grep -- '->' | grep -v {known}"
    assert ground.attack("bwrap", script) == ""


def test_a_forged_mark_of_a_run_is_no_child_of_it() -> None:
    """Else whoever forges it would hold up the environment whose run that is."""
    with attack_ground(run_as={}) as ground:  # only processes of our own user are looked at
        log = ground.layout.log(7)
        script = f"{RUN_MARK}={log} setsid sleep 5 & sleep 1.5"
        attacking = threading.Thread(target=ground.attack, args=("bwrap", script))
        attacking.start()
        time.sleep(0.8)
        forged = [p for p in Path("/proc").glob("[0-9]*/environ") if f"{RUN_MARK}={log}" in _text(p)]
        found = Processes().child_of(log)
        attacking.join()
    assert forged
    assert found is None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("limits", "script"),
    [
        (CageLimits(memory=64 * MIB), "perl -e '$x = q(x) x 200_000_000; print $ENV{LOOT}'"),
        (CageLimits(disk=MIB), 'head -c 3000000 /dev/zero > large && echo "$LOOT"'),
        (CageLimits(cpu_seconds=1), "perl -e '1 while time - $^T < 8; print $ENV{LOOT}'"),
        (CageLimits(processes=20), "i=0; while test $i -lt 40; do sleep 2 & i=$((i+1)); done; echo $LOOT"),
    ],
    ids=["memory", "disk", "cpu", "processes"],
)
def test_what_is_limited_is_limited(ground: AttackGround, limits: CageLimits, script: str) -> None:
    """Processes by cage: those of another run do not count, and it takes none from another."""
    printed = ground.attack("bwrap", script, limits=limits)
    assert LOOT not in printed, printed
    assert ground.attack("bwrap", "echo still", limits=limits) == "still\n"


def test_the_temporary_folder_is_bounded(ground: AttackGround, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is memory."""
    monkeypatch.setattr(mounts, "ROOM", 4 * MIB)
    assert "No space left" in ground.attack("bwrap", "head -c 5000000 /dev/zero > /tmp/large")
