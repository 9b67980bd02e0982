"""Steps as real processes: what they get, what they leave, and every way they can end."""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envmgr.adapters.processes import Processes, identify, is_alive
from envmgr.adapters.steps.runner import StepRunner
from envmgr.domain.errors import Interrupted, StepFailed
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Step
from envmgr.ports import Place, Progress, StepLimits, Watch
from tests.support.waiting import wait_for

MEBIBYTE = 1024 * 1024
PRIVATE = "MAP_PRIVATE | MAP_ANONYMOUS"
OWN = {
    "PATH": os.environ["PATH"],
    "LANG": "C",
    "HOME": "/nowhere",
    "GIT_ASKPASS": "x",
    "ACME_TOKEN": "t0ps3cret",
}
# What a shell sets by itself.
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_"}


@dataclass
class Host:
    """A runner, one place for its steps, and what was seen of them."""

    place: Place
    log: Path
    runner: StepRunner
    watch: Watch
    seen: list[Progress] = field(default_factory=list)
    children: list[ProcessId] = field(default_factory=list)

    def run(
        self,
        run: str | tuple[str, ...],
        seconds: float = 60,
        started: Callable[[ProcessId], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Runs a step named build."""
        step = Step(name="build", run=run, timeout=timedelta(seconds=seconds))
        watch = replace(self.watch, started=started or self.watch.started, stop=stop)
        self.runner.run(step, self.place, watch)

    def fails(self, run: str | tuple[str, ...], seconds: float = 60) -> str:
        """The sentence of a step that fails."""
        with pytest.raises(StepFailed) as failure:
            self.run(run, seconds)
        return str(failure.value)

    def limit(self, **limits: int) -> None:
        """Gives the steps from now on other limits."""
        self.place = replace(self.place, limits=replace(self.place.limits, **limits))

    def said(self) -> list[str]:
        """The log's lines without their times."""
        return [line.partition(" ")[2] for line in self.log.read_text().splitlines()]

    def process(self, name: str) -> ProcessId:
        """A process by the file in the checkout that holds its PID."""
        return identify(int((self.place.checkout / name).read_text()))

    def ended(self, name: str) -> bool:
        """Whether the process whose PID a file in the checkout holds has ended."""
        try:
            return is_alive(self.process(name)) is False
        except ProcessLookupError:
            return True


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host whose own environment has secrets; what its steps leave running ends with the test."""
    place = Place(
        checkout=tmp_path / "checkout",
        home=tmp_path / "home",
        temporary=tmp_path / "temporary",
        cache=tmp_path / "cache",
        environment={"ENVMGR_COMMIT": "abc", "DB_PASSWORD": "hunter2-hunter2"},
        limits=StepLimits(output=MEBIBYTE),
    )
    place.checkout.mkdir()
    runner = StepRunner(identify, patience=timedelta(seconds=0.5), own=OWN)
    log = tmp_path / "1.log"
    host = Host(place, log, runner, Watch(log=log))
    host.watch = Watch(
        log=log,
        redact=lambda text: text.replace("hunter2-hunter2", "[redacted]"),
        progress=host.seen.append,
        started=host.children.append,
    )
    yield host
    for left in place.checkout.glob("*.pid"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(left.read_text()), signal.SIGKILL)


def background(name: str, command: str = "sleep 600", prefix: str = "") -> str:
    """Shell text that starts a command in the background and waits until its PID is in a file."""
    inner = f"echo $$ > {name}.new; mv {name}.new {name}.pid; exec {command}"
    return f"{prefix} sh -c '{inner}' >/dev/null 2>&1 & while [ ! -e {name}.pid ]; do sleep 0.02; done\n"


STUBBORN = background("stubborn", 'sh -c "trap : TERM; while :; do sleep 600; done"')


def mode(path: Path) -> int:
    """A file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


class TestSuccess:
    """A step that does its work."""

    def test_its_output_is_in_the_log_and_nowhere_else(self, host: Host) -> None:
        host.run("echo one; echo two >&2; printf three")
        assert host.said() == ["step build", "one", "two", "three"]
        assert mode(host.log) == 0o600
        assert sorted(path.name for path in host.log.parent.iterdir() if path.is_file()) == ["1.log"]
        assert [step.phase for step in host.seen] == ["step_start", "step_complete"]

    def test_several_steps_share_a_log_in_their_order(self, host: Host) -> None:
        host.run("echo one")
        host.run("echo two")
        assert host.said() == ["step build", "one", "step build", "two"]

    def test_an_argv_is_run_as_it_is(self, host: Host) -> None:
        host.run(("printf", r"%s\n", "$HOME", "a; b", "--", ""))
        assert host.said()[1:4] == ["$HOME", "a; b", "--"]

    def test_text_runs_in_the_checkout_with_nothing_to_read(self, host: Host) -> None:
        host.run("pwd; cat; echo end")
        assert host.said()[1:] == [str(host.place.checkout), "end"]

    def test_while_it_runs_its_output_has_a_name_and_itself_a_mark(self, host: Host) -> None:
        found: list[ProcessId | None] = []
        begun, seen = host.place.checkout / "begun", host.place.checkout / "seen"

        def look() -> bool:
            if begun.exists() and not found:
                found.append(Processes().child_of(host.log, datetime.now(UTC)))
                seen.touch()
            return False

        host.run(
            'touch begun; while [ ! -e seen ]; do sleep 0.02; done; stat -c %a "$ENVMGR_RUN_LOG.output"',
            stop=look,
        )
        assert host.said()[1:] == ["600"]
        assert found == host.children

    def test_what_serves_in_the_background_serves_on(self, host: Host) -> None:
        host.run(background("server", prefix="setsid") + background("worker"))
        assert not host.ended("server.pid")
        assert not host.ended("worker.pid")


class TestSurroundings:
    """What a step gets, and what it does not."""

    def test_its_environment_is_exactly_what_is_promised(self, host: Host) -> None:
        host.run("env > env.txt")
        lines = (host.place.checkout / "env.txt").read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        assert {name: value for name, value in found.items() if name not in OF_THE_SHELL} == {
            "PATH": OWN["PATH"],
            "LANG": "C",
            "ENVMGR_COMMIT": "abc",
            "DB_PASSWORD": "hunter2-hunter2",
            "HOME": str(host.place.home),
            "TMPDIR": str(host.place.temporary),
            "XDG_CACHE_HOME": str(host.place.cache),
            "ENVMGR_RUN_LOG": str(host.log),
        }

    def test_its_folders_are_private_again_at_each_start(self, host: Host) -> None:
        folders = (host.place.home, host.place.temporary, host.place.cache)
        host.run('chmod 755 "$HOME" "$TMPDIR" "$XDG_CACHE_HOME"; echo kept > "$HOME/file"')
        host.run("true")
        assert [mode(folder) for folder in folders] == [0o700] * 3
        assert (host.place.home / "file").read_text() == "kept\n"

    def test_a_link_in_place_of_a_folder_goes(self, host: Host, tmp_path: Path) -> None:
        """What it leads to stays as it is."""
        (tmp_path / "target").mkdir(mode=0o755)
        host.place.home.symlink_to(tmp_path / "target")
        host.run("true")
        assert not host.place.home.is_symlink()
        assert mode(tmp_path / "target") == 0o755

    def test_secrets_stay_out_of_log_and_sentence(self, host: Host) -> None:
        told = host.fails(
            'echo "password is $DB_PASSWORD"; echo "cannot log in with $DB_PASSWORD" >&2; exit 1'
        )
        assert told == "Step build failed (exit 1): cannot log in with [redacted]."
        assert "hunter2" not in host.log.read_text()


class TestFailure:
    """A step that fails says so in one sentence, and leaves nothing of its group."""

    def test_the_sentence_has_code_and_last_words(self, host: Host) -> None:
        told = host.fails("echo starts; echo \"make: *** No rule to make target 'image'.\" >&2; exit 2")
        assert told == "Step build failed (exit 2): make: *** No rule to make target 'image'."
        assert host.said()[-1] == "step build: exit 2"
        assert [step.phase for step in host.seen] == ["step_start"]

    def test_an_unset_variable_and_a_failed_command_end_the_text(self, host: Host) -> None:
        assert "NOT_THERE" in host.fails('echo "$NOT_THERE"; echo after')
        assert "exit 1" in host.fails("false; echo after")
        assert "after" not in host.said()

    def test_a_program_that_is_not_there(self, host: Host) -> None:
        assert "(exit 127): " in host.fails(("program-that-is-not-there",))

    def test_what_cannot_be_started_is_said(self, host: Host) -> None:
        host.place = replace(host.place, environment={"A": "b\0c"})
        assert host.fails("true") == "Step build failed: it could not be run (embedded null byte)."
        host.place = replace(host.place, environment={}, checkout=host.place.checkout / "gone")
        assert "No such file or directory" in host.fails("true")

    def test_a_signal_is_named(self, host: Host) -> None:
        assert "(killed by SIGSEGV)" in host.fails("kill -SEGV $$")

    def test_its_group_ends_with_it(self, host: Host) -> None:
        host.fails(background("worker") + STUBBORN + background("server", prefix="setsid") + "exit 3")
        assert host.ended("worker.pid")
        assert host.ended("stubborn.pid")
        assert not host.ended("server.pid")


class TestEnds:
    """What ends a step before its own end takes its whole group."""

    def test_time_limit(self, host: Host) -> None:
        told = host.fails(background("worker") + STUBBORN + "echo waits; wait", seconds=5)
        assert told == "Step build failed (took longer than 5s): waits."
        assert host.ended("worker.pid")
        assert host.ended("stubborn.pid")

    def test_a_step_may_end_in_its_own_way(self, host: Host) -> None:
        host.runner = StepRunner(identify, patience=timedelta(seconds=60), own=OWN)
        host.fails("trap 'echo cleans up; exit 0' TERM; while :; do sleep 0.1; done", seconds=3)
        assert host.said()[-2:] == ["cleans up", "step build: took longer than 3s"]

    def test_stop(self, host: Host) -> None:
        begun = host.place.checkout / "stubborn.pid"
        with pytest.raises(Interrupted, match="Step build was stopped"):
            host.run(STUBBORN + "wait", stop=begun.exists)
        assert host.ended("stubborn.pid")

    def test_what_watches_it_may_fail(self, host: Host) -> None:
        def started(child: ProcessId) -> None:
            host.children.append(child)
            raise Interrupted

        with pytest.raises(Interrupted):
            host.run("sleep 600", started=started)
        assert is_alive(host.children[0]) is False

    @pytest.mark.parametrize("flood", ["yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "yes | tr -d '\\n'"])
    def test_too_much_output(self, host: Host, flood: str) -> None:
        assert "(printed more than 1 MiB)" in host.fails(background("worker") + flood)
        assert host.ended("worker.pid")
        assert host.log.stat().st_size < 4 * MEBIBYTE

    def test_too_much_output_at_once_counts_as_much(self, host: Host) -> None:
        host.limit(output=1000)
        told = host.fails(background("worker") + "head -c 5000 /dev/zero | tr '\\0' x")
        assert told.startswith("Step build failed (printed more than 1000 bytes)")
        assert host.ended("worker.pid")


class TestLeftBehind:
    """A step that another process of envmgr had started."""

    def test_is_ended_with_its_group(self, tmp_path: Path) -> None:
        """What ignores SIGTERM is killed after a patience."""
        note = tmp_path / "pid"
        script = f"trap '' TERM; (sleep 600) & echo $! > {note}.new; mv {note}.new {note}; wait; sleep 600"
        with subprocess.Popen(["sh", "-c", script], start_new_session=True) as left:
            wait_for(note.exists)
            other = identify(int(note.read_text()))
            threading.Thread(target=left.wait).start()  # as init reaps it

            assert StepRunner(identify, patience=timedelta(seconds=1)).end(identify(left.pid))

            assert left.wait() == -signal.SIGKILL
        assert is_alive(other) is False

    def test_is_left_alone_in_any_doubt(self) -> None:
        """Another start time, another host, no leader of a group, nothing there any more."""
        runner = StepRunner(identify, patience=timedelta(0))
        with subprocess.Popen(["sleep", "600"], start_new_session=True) as left:
            is_it = identify(left.pid)
            assert not runner.end(replace(is_it, started=is_it.started + 1))
            assert not runner.end(replace(is_it, host="elsewhere"))
            assert left.poll() is None
            left.kill()
        assert not runner.end(is_it)
        with subprocess.Popen(["sleep", "600"]) as member:
            assert not runner.end(identify(member.pid))
            assert member.poll() is None
            member.kill()


class TestLimits:
    """Limits that the kernel keeps."""

    def test_memory(self, host: Host) -> None:
        host.limit(memory=64 * MEBIBYTE)
        told = host.fails((sys.executable, "-c", "bytearray(128 * 1024 * 1024)"))
        assert told == "Step build failed (exit 1, its memory is limited to 64 MiB): MemoryError."

    def test_reserving_is_not_using(self, host: Host) -> None:
        host.limit(memory=64 * MEBIBYTE)
        host.run((sys.executable, "-c", f"from mmap import *; mmap(-1, 1 << 32, {PRIVATE}, PROT_READ)"))

    def test_cpu_time(self, host: Host) -> None:
        host.limit(cpu_seconds=1)
        assert host.fails("while :; do :; done").startswith("Step build failed (used up its 1 s of CPU time)")

    def test_what_the_kernel_was_told(self, host: Host) -> None:
        host.limit(memory=64 * MEBIBYTE, cpu_seconds=10, processes=5000)
        host.run("cat /proc/self/limits")
        found: Mapping[str, list[str]] = {line[:26].strip(): line[26:].split() for line in host.said()}
        assert found["Max data size"][:2] == [str(64 * MEBIBYTE)] * 2
        assert found["Max cpu time"][:2] == ["10", "15"]
        assert found["Max processes"][:2] == ["5000", "5000"]
        assert found["Max core file size"][:2] == ["0", "0"]
