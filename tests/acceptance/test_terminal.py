"""What only happens on a terminal: questions, and the typed name of what is protected."""

import os
import pty
import select
import time
from pathlib import Path

from .world import ENVMGR, World


def type_at(world: World, arguments: list[str], prompt: str, answer: str) -> tuple[int, str]:
    """Runs envmgr on a terminal of its own and answers its one question; gives exit code and screen.

    Ctrl-C is typed again after a while, as a person would: Python does not see one that comes in the
    instant before it waits for input.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ENVMGR, [ENVMGR, *arguments], world.environ())
    screen, end, again = b"", time.monotonic() + 60, 0.0
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                screen += os.read(terminal, 4096)
            except OSError:
                break  # the terminal's other side is closed
        if time.monotonic() > again and prompt.encode() in screen:
            os.write(terminal, answer.encode())
            again = time.monotonic() + 3 if answer == "\x03" else end
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return code, screen.decode(errors="replace")


def test_questions_and_answers(tmp_path: Path, terraform_binary: str) -> None:
    """No and Ctrl-C change nothing; what is protected must be named."""
    world = World.create(tmp_path)
    world.configure(repository='protected: ["env-alice"]')
    world.branch("env-alice")
    code, screen = type_at(world, ["apply", "alice"], "[y/N]", "n\n")
    assert code == 1
    assert "nothing was changed" in screen
    code, screen = type_at(world, ["apply", "alice"], "[y/N]", "\x03")
    assert code == 130
    assert not world.ok("show", "alice", "--json").document["resources"]
    code, screen = type_at(world, ["apply", "alice"], "[y/N]", "y\n")
    assert code == 0
    assert "Creation complete" in screen
    code, _ = type_at(world, ["destroy", "alice"], "Type alice to go on", "y\n")
    assert code == 1
    code, screen = type_at(world, ["destroy", "alice"], "Type alice to go on", "alice\n")
    assert code == 0
    assert "is destroyed, and suspended" in screen
