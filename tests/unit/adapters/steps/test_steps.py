"""Steps before they run: their environment, limits, sandbox, and the sentence of a failure."""

import os
import resource
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.steps.environment import step_environment
from envmgr.adapters.steps.failure import ending, sentence
from envmgr.adapters.steps.printed import Printed, output_file
from envmgr.adapters.steps.sandbox import Bubblewrap, sandbox, unconfined
from envmgr.domain.errors import NeedsPerson, StepFailed, Transient
from envmgr.domain.values.cage import CageLimits, Limit
from envmgr.domain.values.step import Step
from envmgr.host.cage.limits import limited, rationed
from envmgr.host.children.child import Cause, Ended
from envmgr.host.children.run_log import RunLog
from envmgr.host.children.tail import Tail
from envmgr.ports import Place, StepLimits

LIMITS = StepLimits(output=1024)
TOGETHER = CageLimits(memory=2048, disk=1024)
BUILD = Step(name="build", run="make image", timeout=timedelta(minutes=15))
MAKE = "make: *** No rule to make target 'image'.  Stop."


def place(root: Path, limits: StepLimits = LIMITS, **environment: str) -> Place:
    """A place whose folders lie in one folder."""
    return Place(
        checkout=root / "checkout",
        home=root / "home",
        temporary=root / "temporary",
        cache=root / "cache",
        environment=environment,
        limits=limits,
    )


def failed(*printed: str, limits: StepLimits = LIMITS) -> str:
    """The sentence of a step that ended with exit code 2."""
    return sentence(BUILD, "exit 2", printed, limits, lambda text: text.replace("s3cr3t", "[redacted]"))


class TestEnvironment:
    """Little of ours, all of the place's, and folders of its own."""

    def test_only_what_says_how_to_reach_things_is_passed_on(self, tmp_path: Path) -> None:
        own = {"PATH": "/bin", "TZ": "UTC", "https_proxy": "http://p", "HOME": "/root", "AWS_PROFILE": "x"}
        given = place(tmp_path, ENVMGR_COMMIT="abc", HOME="/elsewhere", ENVMGR_RUN_LOG="/other")
        inherits = ("PATH", "TZ", "https_proxy")
        assert step_environment(given, own, inherits, Path("/logs/7.log")) == {
            "PATH": "/bin",
            "TZ": "UTC",
            "https_proxy": "http://p",
            "ENVMGR_COMMIT": "abc",
            "HOME": f"{tmp_path}/home",
            "TMPDIR": f"{tmp_path}/temporary",
            "XDG_CACHE_HOME": f"{tmp_path}/cache",
            "ENVMGR_RUN_LOG": "/logs/7.log",
        }

    def test_a_place_shows_no_values_of_its_environment(self, tmp_path: Path) -> None:
        assert "s3cr3t" not in repr(place(tmp_path, TOKEN="s3cr3t"))


class TestLimits:
    """Limits are arguments of the shell that becomes the step."""

    def test_each_limit_is_an_argument_and_none_is_text(self) -> None:
        limits = CageLimits(memory=64 * 1024 * 1024, cpu_seconds=10, processes=50, disk=1024)
        argv = limited(["printf", "$(id)", "--"], limits)
        assert argv[:2] == ["sh", "-c"]
        assert "id" not in argv[2]
        assert argv[4:] == [
            *("-c", "0", "-d", "65536", "-St", "10", "-Ht", "15", "-f", "2", "-u", "50"),
            *("--", "printf", "$(id)", "--"),
        ]

    def test_where_every_variable_is_to_arrive_it_is_no_shell(self) -> None:
        limits = CageLimits(memory=64, cpu_seconds=10, processes=50, disk=1024)
        assert rationed(["terraform", "--x"], limits) == [
            *("prlimit", "--core=0", "--data=64", "--cpu=10:15", "--fsize=1024", "--nproc=50"),
            *("--", "terraform", "--x"),
        ]

    def test_without_limits_only_core_dumps_are_off(self) -> None:
        assert limited(["true"], CageLimits())[4:] == ["-c", "0", "--", "true"]

    def test_a_limit_above_our_own_is_cut_to_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (7, 7))
        assert "7" in limited(["true"], CageLimits(processes=50))[4:]


class TestSandbox:
    """All read-only but the place; what is hidden is hidden before the place is let in."""

    def test_none_changes_nothing(self, tmp_path: Path) -> None:
        assert sandbox("none") is unconfined
        assert unconfined(["make"], place(tmp_path)) == ["make"]

    def test_only_the_place_is_writable(self, tmp_path: Path) -> None:
        argv = Bubblewrap((), program="sh")(["make", "--x"], place(tmp_path))
        assert argv[-4:] == [str(tmp_path / "checkout"), "--", "make", "--x"]
        assert argv[argv.index("--ro-bind") :][:3] == ["--ro-bind", "/", "/"]
        writable = [argv[at + 1] for at, option in enumerate(argv) if option == "--bind"]
        assert writable == [str(tmp_path / name) for name in ("checkout", "home", "temporary", "cache")]
        assert {"--unshare-pid", "--unshare-ipc"} < set(argv)
        assert "--unshare-net" not in argv

    def test_the_hidden_is_hidden_and_the_place_in_it_is_not(self, tmp_path: Path) -> None:
        data, config, link = tmp_path / "data", tmp_path / "envmgr.yaml", tmp_path / "link"
        data.mkdir()
        config.touch()
        link.symlink_to(data)
        argv = Bubblewrap((link, config, tmp_path / "absent"), program="sh")(["make"], place(data / "place"))
        text = " ".join(argv)
        assert f"--tmpfs {data} " in text
        assert f"--ro-bind /dev/null {config} " in text
        assert "absent" not in text
        assert text.index("--ro-bind / /") < text.index(f"--tmpfs {data} ") < text.index("--bind ")

    def test_without_bubblewrap_a_person_is_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(NeedsPerson, match="install bubblewrap, or set `sandbox: none`"):
            Bubblewrap((), program="bwrap-that-is-not-there")(["make"], place(tmp_path))

    def test_where_it_does_not_work_is_told_what_to_do(self) -> None:
        with pytest.raises(NeedsPerson, match=r"cannot confine steps on this host .* allow user namespaces"):
            Bubblewrap((), program="false").check()
        with pytest.raises(NeedsPerson, match="install bubblewrap"):
            Bubblewrap((), program="bwrap-that-is-not-there").check()

    def test_a_file_of_ours_can_be_read_and_not_written(self, tmp_path: Path) -> None:
        given = replace(place(tmp_path / "data"), readable=(tmp_path / "data/outputs.json",))
        text = " ".join(Bubblewrap((tmp_path,), program="sh")(["make"], given))
        shown = f"--ro-bind {tmp_path}/data/outputs.json {tmp_path}/data/outputs.json"
        assert text.index(f"--tmpfs {tmp_path} ") < text.index(shown)


class TestFailure:
    """One sentence: which step, how it ended, what it said last."""

    def test_it_is_tried_again(self) -> None:
        assert issubclass(StepFailed, Transient)

    @pytest.mark.parametrize(
        ("ended", "how"),
        [
            (Ended(2), "exit 2"),
            (Ended(-9), "killed by SIGKILL"),
            (Ended(137), "exit 137, as after SIGKILL"),
            (Ended(250), "exit 250"),
            (Ended(-15, Cause.TIMED_OUT), "took longer than 15m"),
            (Ended(-signal.SIGXCPU), "used up its 9 s of CPU time"),
            (Ended(128 + signal.SIGXCPU), "used up its 9 s of CPU time"),
            (Ended(-signal.SIGXFSZ), "wrote a file larger than the 1KiB that cage.disk allows"),
            (
                Ended(-9, None, (Limit.MEMORY,)),
                "reached the 2KiB of memory that cage.memory gives a whole run",
            ),
            (
                Ended(-15, Cause.LIMITED, (Limit.DISK,)),
                "reached the 1KiB that cage.disk lets a whole run write",
            ),
        ],
    )
    def test_how_it_ended(self, ended: Ended, how: str) -> None:
        assert ending(BUILD, ended, replace(LIMITS, cpu_seconds=9), TOGETHER) == how

    def test_output_beyond_its_limit_comes_first(self) -> None:
        ended = Ended(-15, Cause.STOPPED)
        assert ending(BUILD, ended, LIMITS, TOGETHER, is_too_much=True) == "printed more than 1 KiB"
        assert (
            ending(BUILD, ended, StepLimits(output=1000), TOGETHER, is_too_much=True)
            == "printed more than 1000 bytes"
        )

    def test_the_last_line_says_why(self) -> None:
        assert failed("cc -c a.c", MAKE, "", "  ") == f"Step build failed (exit 2): {MAKE}"

    def test_errors_go_before_what_was_printed_after_them(self) -> None:
        told = failed("a", "ValueError: no port", "b", "c")
        assert told == "Step build failed (exit 2): ValueError: no port."
        assert failed("a", "b") == "Step build failed (exit 2): b."

    def test_a_silent_one_is_said_to_be_silent(self) -> None:
        assert failed() == "Step build failed (exit 2) and said nothing."

    def test_secrets_and_terminal_control_stay_out(self) -> None:
        assert failed("\x1b[31merror: s3cr3t\x1b[0m") == "Step build failed (exit 2): error: [redacted]."

    def test_a_long_line_is_cut_after_its_secrets_are_gone(self) -> None:
        told = failed("x" * 395 + "s3cr3t" + "y" * 1000)
        assert "s3cr3" not in told
        assert len(told) < 500

    def test_a_limit_that_was_met_is_named(self) -> None:
        limits = StepLimits(memory=64 * 1024 * 1024, processes=50, output=1)
        assert "exit 2, its memory is limited to 64 MiB" in failed("MemoryError", limits=limits)
        forked = failed("sh: 1: Cannot fork", limits=limits)
        assert "exit 2, its processes are limited to 50" in forked
        assert "limited" not in failed("MemoryError")


class TestPrinted:
    """The output file and the log are bounded, whatever the step does meanwhile."""

    @staticmethod
    def flood(path: Path) -> tuple[Printed, int]:
        """What is left after twice 10,000 bytes came where 1,000 are allowed: the output, and its file's size."""
        with output_file(path / "output") as file, RunLog(path / "log", str) as log:
            printed = Printed(file, 1000, log)
            for _ in range(2):
                file.write(b"123456789\n" * 1000)
                printed.follow()
            printed.finish()
            return printed, os.fstat(file.fileno()).st_size

    def test_a_file_is_cut_at_its_limit(self, tmp_path: Path) -> None:
        printed, size = self.flood(tmp_path)
        assert (printed.is_too_much, size) == (True, 1000)

    def test_what_comes_before_the_next_cut_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "ftruncate", lambda *_: None)
        self.flood(tmp_path)
        assert len((tmp_path / "log").read_text().splitlines()) == 100


def test_a_writer_that_is_faster_than_its_reader_does_not_hold_it(tmp_path: Path) -> None:
    with (tmp_path / "output").open("a+b", buffering=0) as file:
        file.write(b"line\n")
        tail = Tail(file.fileno())
        seen = 0
        for _ in tail.lines():
            file.write(b"line\nline\n")
            seen += 1
            assert seen < 10
        assert (seen, len(list(tail.lines()))) == (1, 2)
