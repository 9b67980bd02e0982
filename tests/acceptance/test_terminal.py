"""What only happens on a terminal: questions, and the typed name of what is protected."""

import os
import pty
import select
import time
from pathlib import Path

from .world import ENVMGR, World


def type_at(world: World, arguments: list[str], prompt: str, answer: str) -> tuple[int, str]:
    """Runs envmgr on a terminal of its own and answers its one question; gives exit code and screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ENVMGR, [ENVMGR, *arguments], world.environ())
    screen, end, asked = b"", time.monotonic() + 60, False
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                screen += os.read(terminal, 4096)
            except OSError:
                break  # the terminal's other side is closed
        if not asked and prompt.encode() in screen:
            os.write(terminal, answer.encode())
            asked = True
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
