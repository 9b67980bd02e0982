"""A second layer: what is started in it reaches no process outside, and who starts it is not restricted."""

import os
import socket
import subprocess
import sys

import pytest

from envmgr.host import landlock

TRIES = """
import os, socket, sys
for what in (lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + sys.argv[1]), lambda: os.kill(int(sys.argv[2]), 0)):
    try:
        what()
    except PermissionError:
        print("refused", end=" ")
    else:
        print("reached", end=" ")
"""


@pytest.fixture
def needs_landlock() -> None:
    if landlock.version() < landlock.SCOPES:
        pytest.skip(
            f"this kernel's Landlock is {landlock.version()}; signals are kept inside from {landlock.SCOPES} on"
        )


@pytest.mark.usefixtures("needs_landlock")
def test_signals_and_abstract_sockets_end_there() -> None:
    name = f"envmgr-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()

        def tried() -> str:
            argv = [sys.executable, "-I", "-S", "-c", TRIES, name, str(os.getpid())]
            return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

        assert tried() == "reached reached "
        assert landlock.scoped(tried) == "refused refused "
        assert tried() == "reached reached ", "only what was started in it is restricted"


@pytest.mark.usefixtures("needs_landlock")
def test_what_cannot_be_started_says_so_as_ever() -> None:
    with pytest.raises(FileNotFoundError):
        landlock.scoped(lambda: subprocess.run(["/no/such/program"], check=True))


def test_a_bubblewrap_that_gains_rights_can_not_have_it(
    tmp_path: "os.PathLike[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    program = os.path.join(tmp_path, "bwrap")  # noqa: PTH118
    with open(program, "w") as file:  # noqa: PTH123
        file.write("")
    os.chmod(program, 0o4755)  # noqa: PTH101
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not landlock.is_there()
