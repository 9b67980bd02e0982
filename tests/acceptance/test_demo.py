"""`envmgr demo`, as a newcomer runs it."""

import os
import pty
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from envmgr.cli.demo.servers import answer, end_servers
from tests.support.waiting import stopwatch

from .world import ENVMGR, World


@pytest.fixture
def world(tmp_path: Path, terraform_binary: str) -> Iterator[World]:
    """A newcomer; whatever the demo leaves running is ended."""
    yield World.create(tmp_path)
    end_servers(tmp_path)


def demo(world: World, *options: str, **env: str) -> str:
    """Runs it with its temporary folder below the test's own; gives what it told."""
    said = world.anew("demo", *options, env={"TMPDIR": str(temporary(world)), **env})
    assert said.code == 0, (said.out, said.err)
    return said.out


def temporary(world: World) -> Path:
    """The demo's temporary folder."""
    folder = world.folder / "tmp"
    folder.mkdir(exist_ok=True)
    return folder


def without_cages(world: World) -> Path:
    """A folder of programs with a bubblewrap as on a host that allows none."""
    folder = world.folder / "bin"
    folder.mkdir()
    (folder / "bwrap").write_text("#!/bin/sh\necho bwrap: No permissions. >&2\nexit 1\n")
    (folder / "bwrap").chmod(0o755)
    return folder


def addresses(told: str) -> list[str]:
    """The URLs of the two applications, by what was told."""
    return re.findall(r"is ready: (\S+) says", told)


def running(world: World) -> list[bytes]:
    """The applications of the demo that run: a page that fails, as its folder is gone, is no proof that none does."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes())
    return [line for line in found if b"app.py" in line and bytes(world.folder) in line]


def kept(world: World, **env: str) -> str:
    """Runs it with `--keep` as at a terminal, looks whether the page is there, and ends that; gives what it told."""
    terminal, end = pty.openpty()
    command = [ENVMGR, "demo", "--keep"]
    environ = {**world.environ(env), "TMPDIR": str(temporary(world)), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environ, stdin=end, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert child.stdout is not None
        told = ""
        while (link := re.search(r"(http://\S+)/sign-in#envmgr_\S+\n", told)) is None:
            line = child.stdout.readline()
            assert line, told
            told += line
        assert b"Sign in" in urllib.request.urlopen(f"{link[1]}/sign-in", timeout=200).read()
        child.send_signal(signal.SIGINT)
        told += child.stdout.read()  # communicate passes over what readline read ahead
        assert child.wait(200) == 0
    os.close(terminal)
    os.close(end)
    return told


def test_a_whole_life_in_under_a_minute(world: World) -> None:
    """Whatever git settings and Terraform settings the person has; nothing is left behind."""
    config = world.folder / "gitconfig"
    config.write_text("[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = trunk\n")
    seconds = stopwatch()
    told = demo(world, GIT_CONFIG_GLOBAL=str(config), TF_CLI_CONFIG_FILE="/nonexistent")
    assert seconds() < 60
    for claim in (
        "What a branch brings runs in a cage (bubblewrap ",
        "managed-by=envmgr",
        "says “Alice was here”, after one more plan and apply; bob was not touched",
        "and no Terraform process was started",
        "and is held there",
        "its state is archived",
    ):
        assert claim in told
    assert re.search(r"“The shop is open.” [0-9.]+ s after the push", told)
    assert re.search(r"says failed: Step check failed \(exit 1\): SyntaxError: .*line \d+", told)
    assert told.count("destroyed with the code last applied, and verified") == 2
    assert running(world) == []
    assert list(temporary(world).iterdir()) == []
    assert not world.data.exists()


def test_what_is_kept_can_be_looked_at(world: World) -> None:
    """With the page up until Ctrl-C; then the verbs that it names work, and the last one stops the application; without a cage, too."""
    told = kept(world, PATH=f"{without_cages(world)}:{os.environ['PATH']}")
    assert "No cage can be made here: bwrap: No permissions. What a branch brings runs as you." in told
    (folder,) = temporary(world).iterdir()
    assert str(folder) in told
    _, bob = addresses(told)
    assert "Hello from bob" in answer(bob)
    assert len(running(world)) == 1
    place = ("--config", str(folder / "config"), "--data-dir", str(folder / "data"))
    shown = world.ok(*place, "show", "bob", "--json").document
    assert (shown["status"], shown["url"]) == ("ready", bob)
    log = world.ok(*place, "logs", "alice").out
    assert log.index("step stop") < log.index("Apply complete")
    assert re.search(r"shop/alice +destroyed", world.ok(*place, "list", "--all").out)
    world.ok(*place, "destroy", "bob", "--yes")
    assert running(world) == []


def test_who_interrupts_it_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an application nor the folder."""
    monkeypatch.setenv("TMPDIR", str(temporary(world)))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    with world.start("demo") as child:
        assert child.stdout is not None
        told = ""
        while len(addresses(told)) < 2:
            line = child.stdout.readline()
            assert line, told
            told += line
        assert len(running(world)) == 2
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=200)
    assert child.returncode == 130
    assert running(world) == []
    assert list(temporary(world).iterdir()) == []


@pytest.mark.parametrize("absent", ["terraform", "python3"])
def test_without_a_program_it_says_so(world: World, absent: str) -> None:
    """And leaves nothing."""
    programs = world.folder / "bin"
    programs.mkdir()
    for name in {"git", "terraform", "python3", "setsid", "flock"} - {absent}:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    said = world.anew("demo", env={"PATH": str(programs)})
    assert said.code == 1
    assert said.err.startswith(f"Error: There is no {absent} on the PATH: install ")


def test_the_way_to_production(world: World) -> None:
    """Built once, tested, approved, promoted; what fails its tests stays where it is, and a moved tag is not followed."""
    told = demo(world, "--pipeline")
    for claim in (
        "nothing was built for it: production got what staging had",
        "but its tests failed",
        "since demo is frozen by",
        "is not followed",
    ):
        assert claim in told
    assert told.count("lets it through") == 2
    assert list(temporary(world).iterdir()) == []
    assert running(world) == []
    assert world.anew("demo", "--pipeline", "--keep").code == 2
