"""What code of a branch tries against others on its host: each attack works without a cage, and not from one."""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from unittest import mock

import pytest

from envmgr.adapters.processes import Processes
from envmgr.adapters.terraform.plan_file import unchangeable
from envmgr.domain.values.cage import CageKind, CageLimits, Purpose, Reach
from envmgr.host.cage import bubblewrap, mounts
from envmgr.ports import RUN_MARK, PlanFile
from tests.integration.attack_ground import ALICE, BOB, LOOT, SECRET, AttackGround, attack_ground
from tests.integration.attack_rows import Row, tries
from tests.support.waiting import wait_for

KINDS: list[CageKind] = ["none", "bwrap"]
IPC = [("none", True), ("bwrap", True), ("bwrap", False)]
"""With an IPC namespace, and where the unit forbids that."""
MIB = 1024**2
DEPLOY, INIT, PLAN, APPLY = Purpose.DEPLOY, Purpose.INIT, Purpose.PLAN, Purpose.APPLY
CHILDREN = (DEPLOY, INIT, PLAN, APPLY)
is_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can leave a file of root's behind")


pytestmark = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture(scope="module")
def ground() -> Iterator[AttackGround]:
    """One world for all: two organizations, the service's other processes, sockets, memory and files."""
    with attack_ground() as made, ExitStack() as stack:
        _inhabit(made, stack)
        yield made
        for kind in "MSQ":
            for key in (_KEY, _KEY + 1):
                subprocess.run(["ipcrm", f"-{kind}", str(key)], check=False, capture_output=True)
        _unlink_queue(_KEY)


def _unlink_queue(key: int) -> None:
    """Else it stays until the host starts anew, and counts as its user's, who may have but a few."""
    subprocess.run(["perl", "-e", f"syscall({_MQ_UNLINK}, $name = q(envmgr-{key}))"], check=False)


def _inhabit(ground: AttackGround, stack: ExitStack) -> None:
    for name, address in {"path": str(ground.folder / "service.sock"), "abstract": f"\0{_ABSTRACT}"}.items():
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen(50)
        if name == "path":
            Path(address).chmod(0o777)
    loopback = stack.enter_context(socket.socket())
    loopback.bind(("127.0.0.1", 0))
    loopback.listen(50)
    memory = Path(f"/dev/shm/{ground.folder.name}")
    memory.write_text(SECRET)
    memory.chmod(0o666)
    stack.callback(memory.unlink)
    other = ground.other("sleep", "600", TOKEN=SECRET)
    shared = ground.other("perl", "-e", f"$| = 1; {_made(_KEY)} print qq(made\\n); sleep 600")
    assert shared.stdout is not None
    assert shared.stdout.readline() == b"made\n"
    rotating = str(ground.targets["rotating"])
    ground.other(
        "sh", "-c", 'while :; do date +%s%N > "$0.new"; mv "$0.new" "$0"; sleep 0.05; done', rotating
    )
    (ground.place / "checkout/link").symlink_to(ground.targets["secret"])
    (ground.workspace.root / "link").symlink_to(ground.targets["secret"])
    ground.facts.update(
        PID=str(other.pid),
        PORT=str(loopback.getsockname()[1]),
        SOCKET=str(ground.folder / "service.sock"),
        MEMORY=str(memory),
        ROTATING=rotating,
        PLANS=str(ground.layout.plans(BOB).parent),
        PACKAGES=str(ground.targets["providers"].parent),
        ARRIVING=str(ground.arriving),
    )


_KEY = 7_000_000 + 2 * os.getpid()
"""Of this process alone: what has keys is all the host's."""
_QUEUES = {"x86_64": (240, 241), "aarch64": (180, 181)}  # mq_open, mq_unlink
_MQ_OPEN, _MQ_UNLINK = _QUEUES.get(os.uname().machine, (-1, -1))


def _made(key: int) -> str:
    """Makes shared memory, a semaphore, a message in a queue, and a POSIX queue by this key."""
    return (
        f"defined shmget({key}, 4096, 01600) or die $!; defined semget({key}, 1, 01600) or die $!; "
        f"$q = msgget({key}, 01600); msgsnd($q, pack(q(l! a*), 1, q({SECRET})), 0) or die $!; "
        f"$name = q(envmgr-{key}); syscall({_MQ_OPEN}, $name, 0102, 0600, 0) >= 0 or die $!;"
    )


_FINDS = {
    "memory": "defined shmget({key}, 4096, 0600)",
    "semaphores": "defined semget({key}, 1, 0600)",
    "queue": "$q = msgget({key}, 0600); defined $q and msgrcv($q, $found, 100, 0, 04000)",
    "POSIX queue": f"$name = q(envmgr-{{key}}); syscall({_MQ_OPEN}, $name, 2, 0, 0) >= 0",
    "list": "open(LIST, q(/proc/sysvipc/shm)); grep {{ / {key} / }} <LIST>",
}
_IO_SETUP = {"x86_64": 206}.get(os.uname().machine, 0)
_ABSTRACT = f"envmgr-attack-{os.getpid()}"
_GAINS = " and print $ENV{LOOT}"


def _perl(code: str) -> str:
    return f"perl -MSocket -e '{code}{_GAINS}'"


@dataclass(frozen=True)
class Attack:
    """A script that prints LOOT where it came by something; `bare` says whether it does without a cage, None if hosts differ."""

    name: str
    row: Row
    script: str
    by: Sequence[Purpose] = (DEPLOY,)
    bare: bool | None = True


ATTACKS = (
    Attack(
        "own variables", Row.VARIABLES, 'env | grep -q the-secret-of && echo "$LOOT"', CHILDREN, bare=False
    ),
    Attack(
        "rotated secret",
        Row.ROTATED,
        'was=$(cat "$ROTATING") || exit; for i in 1 2 3 4 5; do sleep 0.1; '
        'test "$(cat "$ROTATING")" = "$was" || exec echo "$LOOT"; done',
        (DEPLOY, PLAN),
    ),
    Attack(
        "provider cache",
        Row.CACHE,
        'chmod u+w "$PACKAGES"/* 2>/dev/null; echo x 2>/dev/null > "$PACKAGES/new" && echo "$LOOT"; rm -f "$PACKAGES/new"',
        CHILDREN,
    ),
    Attack(
        "provider cache by its neighbour",
        Row.CACHE,
        'echo x 2>/dev/null > "$ARRIVING/../../packages/new" && echo "$LOOT"; rm -f "$ARRIVING/../../packages/new"',
        (INIT,),
    ),
    Attack(
        "plans",
        Row.PLAN,
        'find "$PLANS" -name "*.tfplan" -exec sh -c \'echo x >> "$1" && echo "$LOOT"\' sh {} ";" 2>/dev/null',
        CHILDREN,
    ),
    Attack(
        "lease",
        Row.LEASES,
        'path="$PACKAGES/provider"; test -r "$path" || exit 0; '
        'perl -e \'open(F, "<", shift); defined fcntl(F, 1024, 0) and print $ENV{LOOT}\' "$path"',
        (PLAN, APPLY),
    ),
    Attack("links", Row.LINKS, 'test -e link && cat link >/dev/null && echo "$LOOT"', CHILDREN),
    Attack(
        "environment of others",
        Row.PROCESSES,
        'cat /proc/[0-9]*/environ 2>/dev/null | grep -aq the-secret-of && echo "$LOOT"',
        CHILDREN,
    ),
    Attack("others", Row.PROCESSES, 'test -e "/proc/$PID" && echo "$LOOT"', CHILDREN),
    Attack("open files", Row.PROCESSES, 'ls "/proc/$PID/fd" >/dev/null 2>&1 && echo "$LOOT"'),
    Attack("signals", Row.PROCESSES, 'kill -0 "$PID" 2>/dev/null && echo "$LOOT"', CHILDREN),
    Attack("ptrace", Row.PROCESSES, _perl("syscall(101, 16, $ENV{PID}, 0, 0) == 0"), bare=None),
    Attack(
        "path socket",
        Row.SOCKETS,
        _perl("socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ENV{SOCKET}))"),
        (DEPLOY, APPLY),
    ),
    Attack(
        "abstract socket",
        Row.SOCKETS,
        _perl(f"socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(qq(\\0{_ABSTRACT})))"),
        (DEPLOY, APPLY),
    ),
    Attack(
        "loopback",
        Row.SOCKETS,
        _perl(
            "socket(S, AF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in($ENV{PORT}, INADDR_LOOPBACK))"
        ),
        (DEPLOY, APPLY),
    ),
    Attack(
        "POSIX", Row.SHARED_MEMORY, 'test -e "$MEMORY" && cat "$MEMORY" >/dev/null && echo "$LOOT"', CHILDREN
    ),
    Attack(
        "asynchronous input and output",
        Row.ASYNCHRONOUS,
        _perl(f"$made = pack(q(Q), 0); syscall({_IO_SETUP}, 1, $made) == 0"),
    ),
    Attack("user namespace", Row.RIGHTS, 'unshare --user --map-root-user true 2>/dev/null && echo "$LOOT"'),
    *(
        Attack(command, Row.RIGHTS, f'{command} true 2>/dev/null && echo "$LOOT"', bare=None)
        for command in ("unshare --mount", "unshare --net", "bwrap --ro-bind / /")
    ),
    Attack("device node", Row.RIGHTS, 'mknod node b 254 0 2>/dev/null && echo "$LOOT"', CHILDREN, bare=False),
    Attack(
        "memory of the host", Row.CALLS, 'head -c1 /dev/mem /dev/kmsg 2>/dev/null && echo "$LOOT"', bare=None
    ),
)


@tries(*{attack.row for attack in ATTACKS})
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack(ground: AttackGround, attack: Attack, kind: CageKind) -> None:
    """By whichever child of a branch."""
    for purpose in attack.by:
        printed = ground.attack(kind, attack.script, purpose=purpose)
        if kind == "bwrap" or attack.bare is not None:
            assert (LOOT in printed) == (kind == "none" and attack.bare), (purpose, printed)


@tries(Row.SHARED_MEMORY)
@pytest.mark.skipif(_MQ_OPEN < 0, reason="the numbers of this machine's calls are not known here")
@pytest.mark.parametrize(("kind", "has_own_ipc"), IPC)
@pytest.mark.parametrize("find", _FINDS)
def test_memory_and_queues_of_others_are_not_found(
    ground: AttackGround, find: str, kind: CageKind, *, has_own_ipc: bool
) -> None:
    """Those of a process outside, and those of another run."""
    with mock.patch.object(bubblewrap, "has_own_ipc", return_value=has_own_ipc):
        own = f"perl -e '{_made(_KEY + 1)} print $ENV{{LOOT}}'"
        assert (LOOT in ground.attack(kind, own)) == (kind == "none" or has_own_ipc)
        for key in (_KEY, _KEY + 1):
            printed = ground.attack(kind, _perl(_FINDS[find].format(key=key)))
            assert (LOOT in printed) == (kind == "none"), (key, printed)
    _unlink_queue(_KEY + 1)


@tries(Row.FILES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("purpose", CHILDREN)
def test_files_of_others_are_neither_read_nor_written(
    ground: AttackGround, kind: CageKind, purpose: Purpose
) -> None:
    """States, bundles, workspaces, plans, caches, mirrors, logs, the database, configuration and secrets, each by its name."""
    targets = {str(path): name for name, path in ground.targets_of(purpose).items()}
    del targets[ground.facts["ROTATING"]]
    read = 'for path; do test -e "$path" && cat "$path" >/dev/null && echo "read $path"; done'
    printed = ground.attack(kind, read, *targets, purpose=purpose)
    assert [line[5:] for line in printed.splitlines() if line.startswith("read ")] == (
        list(targets) if kind == "none" else []
    ), printed
    write = 'for path; do mkdir -p "$(dirname "$path")"; echo changed > "$path"; done 2>/dev/null'
    ground.attack(
        kind, write, *targets, purpose=purpose
    )  # in a cage it may have made files of these names, for itself
    changed = [path for path in targets if "changed" in Path(path).read_text()]
    for path in changed:
        Path(path).write_text(SECRET)
    assert changed == (list(targets) if kind == "none" else [])


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_place_is_its_own(ground: AttackGround, kind: CageKind) -> None:
    """What it needs it has: else nothing that is refused would prove anything."""
    script = """
    for folder in . "$HOME" "$1" "$2" "$4" /tmp; do echo x > "$folder/written"; done
    cat "$3"; echo; id -u; cat /proc/sys/kernel/hostname
    rm /tmp/written
    """
    own = (ground.place / "tmp", ground.layout.step_cache(ALICE), ground.place / "outputs.json")
    printed = ground.attack(kind, script, *map(str, (*own, *ground.workspace.outside)))
    assert printed.splitlines() == [SECRET, str(ground.user), socket.gethostname()]
    for folder in (ground.place / "checkout", ground.place / "home", *own[:2], *ground.workspace.outside):
        (folder / "written").unlink()


@pytest.mark.parametrize("purpose", [INIT, PLAN, APPLY])
def test_terraform_has_what_it_needs(ground: AttackGround, purpose: Purpose) -> None:
    """Its state, its data folder, its providers; `init` where to put new ones, and an apply the environment's folders."""
    script = """
    for path; do test -r "$path" && echo "reads $path"; (: >> "$path/x") 2>/dev/null && rm "$path/x" && echo "writes $path"; done
    """
    workspace = ground.workspace
    state, packages = ground.targets["own_state"].parent, ground.targets["providers"].parent
    paths = (state, workspace.data, workspace.root, packages, ground.arriving, *workspace.outside)
    printed = ground.attack("bwrap", script, *map(str, paths), purpose=purpose).splitlines()
    written = {Path(line[7:]) for line in printed if line.startswith("writes ")}
    special = {INIT: {ground.arriving}, PLAN: set(), APPLY: set(workspace.outside)}[purpose]
    assert written == {state, workspace.data, workspace.root, *special}
    assert f"reads {packages}" in printed
    assert (f"reads {workspace.outside[0]}" in printed) == (purpose is not INIT)


@tries(Row.PLAN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_that_is_being_applied_is_sealed(ground: AttackGround, kind: CageKind) -> None:
    """Its provisioners have it open as Terraform has."""
    plan = ground.folder / "plan"
    plan.write_text("checked")
    digest = sha256(b"checked").hexdigest()
    with unchangeable(PlanFile(path=plan, digest=digest)) as (path, descriptor):
        script = f'cat {path}; echo x 2>/dev/null > {path} && echo "$LOOT"; echo x 2>/dev/null 1<>{path} && echo "$LOOT"; true'
        printed = ground.attack(kind, script, purpose=APPLY, keep_open=(descriptor,))
        assert printed.startswith("checked")
        assert LOOT not in printed
        assert os.pread(descriptor, 100, 0) == b"checked"


def test_what_is_given_to_be_read_and_the_system_are_not_written(ground: AttackGround) -> None:
    script = 'for path in "$1" /usr/x /etc/x /etc/passwd /etc/hosts /x /run/x /dev/x; do echo x > "$path" && echo "$LOOT $path"; done 2>/dev/null'
    assert ground.attack("bwrap", script, str(ground.place / "outputs.json")) == ""


@tries(Row.PROCESSES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_signal_reaches_others(ground: AttackGround, kind: CageKind) -> None:
    victim = ground.other("sleep", "60")
    kill = f"kill -TERM {victim.pid}; "
    ground.attack(kind, kill + ("kill -9 -1" if kind == "bwrap" else ""))
    time.sleep(0.2)
    assert (victim.poll() is None) == (kind == "bwrap")


_SENDS = """
import array, resource, socket
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
some, kept = array.array("i", [0] * 253), []
def send(how_many):
    kept.append(socket.socketpair())
    kept[-1][0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, some[:how_many])])
"""
_FLOODS = f"""{_SENDS}
import os, time
try:
    while True:
        send(253)
except OSError:
    os.rename("filling", "full")
while os.path.exists("full"):
    time.sleep(0.02)
"""


@tries(Row.COUNTS)
@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_under_way_leave_room_for_others(ground: AttackGround, kind: CageKind) -> None:
    """The kernel counts them for all processes of a user, and asks each sender for its own limit."""
    full = ground.place / "checkout/full"
    script = f"touch filling; exec timeout 30 python3 -c '{_FLOODS}'"
    attacking = threading.Thread(target=ground.attack, args=(kind, script))
    attacking.start()
    try:
        wait_for(full.exists)
        envmgr = ground.other("python3", "-c", f"{_SENDS}\nsend(2)\nprint('sent')")
        assert envmgr.stdout is not None
        said = envmgr.stdout.readline()
    finally:
        full.unlink(missing_ok=True)
        attacking.join()
    assert (said == b"sent\n") == (kind == "bwrap")


_TAKES = """
import ctypes, fcntl, itertools, os, resource, signal, sys, time
libc = ctypes.CDLL(None)
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
numbers = itertools.count()
name = lambda n: b"/envmgr-%d-%d" % (os.getpid(), n)
takes = {
    "timers": lambda n: libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p())),
    "signals": lambda n: libc.sigqueue(os.getpid(), 40, ctypes.c_void_p(1)),
    "queues": lambda n: libc.mq_open(name(n), os.O_RDWR | os.O_CREAT, 0o600, None),
    "inotify": lambda n: libc.inotify_init1(0),
    "pipes": lambda n: fcntl.fcntl(os.pipe()[0], fcntl.F_GETPIPE_SZ) - 65536,
}
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
def take(what, most):
    return next((n for n in range(most) if takes[what](next(numbers)) < 0), most)
"""
_EXHAUSTS = f"""{_TAKES}
while take(sys.argv[1], 10**6):
    time.sleep(0.1)  # what others had may be given back a moment after their end
os.rename("filling", "full")
while os.path.exists("full"):
    time.sleep(0.02)
for n in range(20):
    libc.mq_unlink(name(n))
"""


@pytest.fixture
def alone() -> Iterator[None]:
    """No other worker has such a test under way: what one takes is counted with what the other does."""
    with (Path(tempfile.gettempdir()) / f"envmgr-counted-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@tries(Row.QUEUED, Row.WATCHES, Row.PIPES)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("what", "some"), [("timers", 100), ("signals", 100), ("queues", 1), ("inotify", 1), ("pipes", 1)]
)
def test_what_is_counted_for_a_user_leaves_room_for_others(
    ground: AttackGround, what: str, some: int, kind: CageKind
) -> None:
    """The kernel counts it beyond the cage, too; of inotify and pipes no limit of a process says how much."""
    full = ground.place / "checkout/full"
    (ground.place / "checkout/exhausts.py").write_text(_EXHAUSTS)
    attacking = threading.Thread(
        target=ground.attack, args=(kind, f"touch filling; exec timeout 30 python3 exhausts.py {what}")
    )
    attacking.start()
    try:
        wait_for(full.exists)
        envmgr = ground.other(
            "python3", "-c", f"{_TAKES}\nprint(take('{what}', {some}))\nlibc.mq_unlink(name(0))"
        )
        assert envmgr.stdout is not None
        said = envmgr.stdout.readline()
    finally:
        full.unlink(missing_ok=True)
        attacking.join()
    assert (int(said) == some) == (kind == "bwrap" and what not in ("inotify", "pipes"))


@tries(Row.LEFT_BEHIND)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_behind(ground: AttackGround, kind: CageKind) -> None:
    """Whatever session it has."""
    beat = ground.place / "checkout/beat"
    script = "setsid sh -c 'exec >/dev/null 2>&1; echo $$ > pid; while :; do date +%s%N > beat; sleep 0.05; done' &\nuntil test -e beat; do sleep 0.05; done"
    ground.attack(kind, script)
    if kind == "none":
        beat.unlink()
        wait_for(beat.exists)
        os.kill(int((beat.with_name("pid")).read_text()), 9)
    else:
        last = beat.read_text()
        time.sleep(0.5)
        assert beat.read_text() == last


@tries(Row.NETWORK)
def test_without_a_network_there_is_none(ground: AttackGround) -> None:
    """No address of the cloud's metadata, no names, no interface but its own loopback."""
    script = """
    grep -vE '^ *(lo:|Inter-|face)' /proc/net/dev
    getent hosts example.com && echo "$LOOT"
    perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in(80, inet_aton(q{169.254.169.254}))) and print $ENV{LOOT}; print "$!\\n"'
    """
    assert ground.attack("bwrap", script, reach=Reach.NOTHING).strip() == "Network is unreachable"


@tries(Row.CALLS)
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
    tries_each = (
        f"syscall({number}, 0, 0, 0, 0, 0); print $!{{EPERM}} ? q(no) : q({name});"
        for name, number in calls.items()
    )
    script = f"""perl -e '{"".join(tries_each)}'
    perl -e 'syscall(425, 8, 0); print $!{{ENOSYS}} ? q(no) : q(io_uring)'
    perl -e 'socket(S, 40, 1, 0); print $!{{EAFNOSUPPORT}} ? q(no) : q(vsock)'"""
    assert ground.attack("bwrap", script) == "no" * (len(calls) + 2)


@tries(Row.CALLS)
def test_there_are_no_devices(ground: AttackGround) -> None:
    printed = ground.attack("bwrap", "ls /dev; ls /sys /home /root /run")
    found = set(printed.replace(":", "").split())
    assert {"null", "zero", "urandom"} <= found
    assert not {"kmsg", "mem", "vda", "sda", "kvm", "fuse", "net", "loop0", "envmgr"} & found


@tries(Row.RIGHTS)
@is_root
@pytest.mark.parametrize("kind", KINDS)
def test_no_program_gives_the_rights_of_another(ground: AttackGround, kind: CageKind) -> None:
    program = ground.place / "checkout/become"
    shutil.copy(shutil.which("id") or "", program)
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    printed = ground.attack(kind, './become | grep -q "euid=0" && echo "$LOOT"')
    assert (LOOT in printed) == (kind == "none")


@tries(Row.DEVICES)
@is_root
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["chmod 666", "chown 0:0", "touch"])
def test_the_devices_that_root_is_shown_stay_the_hosts(kind: CageKind, change: str) -> None:
    """They are used as ever, and not changed; a change that is made here leaves the node as it is."""
    used = "echo x > /dev/null && head -c2 /dev/zero | wc -c && head -c2 /dev/urandom | wc -c"
    with attack_ground(run_as={}) as own:
        assert own.attack(kind, used).split() == ["2", "2"]
        printed = own.attack(kind, f'{change} /dev/full 2>/dev/null && echo "$LOOT"')
        assert (LOOT in printed) == (kind == "none")


@is_root
def test_what_shields_the_devices_cannot_be_taken_away() -> None:
    with attack_ground(run_as={}) as own:
        script = 'for word in "mount -o remount,bind,rw" umount "rm -f"; do $word /dev/full 2>/dev/null && echo "$LOOT"; done'
        assert LOOT not in own.attack("bwrap", script)


def test_nothing_of_ours_is_open_in_it(ground: AttackGround) -> None:
    """Neither what bubblewrap was told, nor a folder that leads out."""
    known = "-e /dev/null -e deleted -e eventfd -e pipe: -e '/proc/[0-9]*/fd'"
    script = f"ls -l /proc/self/fd /proc/1/fd | grep -- '->' | grep -v {known}"
    assert ground.attack("bwrap", script) == ""


@tries(Row.MARKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_mark_of_a_run_is_no_child_of_it(kind: CageKind) -> None:
    """Else whoever forges it would hold up the environment whose run that is."""
    with attack_ground(run_as={}) as ground:  # only processes of our own user are looked at
        log = ground.layout.log(7)
        script = f"{RUN_MARK}={log} setsid sleep 60 & until test -e seen; do sleep 0.05; done; kill $!"
        attacking = threading.Thread(target=ground.attack, args=(kind, script))
        attacking.start()
        try:
            wait_for(
                lambda: [p for p in Path("/proc").glob("[0-9]*/environ") if f"{RUN_MARK}={log}" in _text(p)]
            )
            found = Processes().child_of(log, datetime.now(UTC))
        finally:
            (ground.place / "checkout/seen").touch()
            attacking.join()
    assert (found is None) == (kind == "bwrap")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@tries(Row.LIMITS)
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


@tries(Row.LIMITS)
def test_temporary_folders_are_bounded(ground: AttackGround, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are memory."""
    monkeypatch.setattr(mounts, "ROOM", 4 * MIB)
    script = "for folder in /tmp /var/tmp /dev/shm; do head -c 5000000 /dev/zero > $folder/large; done"
    assert ground.attack("bwrap", script).count("No space left") == 3
