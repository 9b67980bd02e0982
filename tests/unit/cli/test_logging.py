"""What is logged: at levels that one can alert on, with journald's priorities where systemd reads it."""

import json
import os
import subprocess
import sys

import pytest

from envmgr.cli.logging import Prioritised, reads_priorities
from envmgr.domain.rules.severity import level_of


@pytest.mark.parametrize(
    ("action", "level"),
    [
        ("failed", "error"),
        ("remote-failed", "error"),
        ("unhealthy", "error"),
        ("interrupted", "warning"),
        ("drift", "warning"),
        ("waiting", "warning"),
        ("applied", "info"),
        ("branch-seen", "info"),
    ],
)
def test_failures_are_no_information(action: str, level: str) -> None:
    """What an operator is to be woken by is an error, what to look at in the morning a warning."""
    assert level_of(action) == level


@pytest.mark.parametrize(("level", "priority"), [("error", 3), ("warning", 4), ("info", 6), ("debug", 7)])
def test_the_journal_gets_priorities(level: str, priority: int) -> None:
    """sd-daemon(3): a line that begins with <N> has that priority; the rest of it is the JSON as ever."""
    line = Prioritised()(None, "", {"event": "Something happened.", "level": level})
    assert line.startswith(f"<{priority}>")
    assert json.loads(line.removeprefix(f"<{priority}>")) == {"event": "Something happened.", "level": level}


def test_only_the_journal_gets_them() -> None:
    """Where standard error is a file or a pipe of another's, the lines stay plain JSON."""
    found = os.fstat(2)
    assert reads_priorities({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, 2)
    assert not reads_priorities({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}, 2)
    assert not reads_priorities({"JOURNAL_STREAM": "nonsense"}, 2)
    assert not reads_priorities({}, 2)


_DAEMON = """
import sys
from envmgr.cli.invocation import Invocation
from envmgr.cli.logging import log_for_daemon, log_for_people
import logging, os, structlog
stat = os.fstat(2)
environ = {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}", "ENVMGR_CONFIG": "/nonexistent"}
invocation = Invocation(environ)
log_for_people(invocation) if sys.argv[1] == "people" else log_for_daemon(invocation, "info")
structlog.get_logger().error("It failed.", action="failed")
structlog.get_logger().error("It is odd.", action="unexpected")
logging.getLogger("library").warning("Careful.")
"""


def test_a_whole_log_has_them() -> None:
    """Ours and what libraries log."""
    done = subprocess.run(
        [sys.executable, "-c", _DAEMON, "daemon"], stderr=subprocess.PIPE, text=True, check=True
    )
    assert [line[:4] for line in done.stderr.splitlines()] == ["<3>{", "<3>{", "<4>{"]


def test_people_are_told_once() -> None:
    """A verb says itself what became of its work: the event of it is not logged beside that."""
    done = subprocess.run(
        [sys.executable, "-c", _DAEMON, "people"], stderr=subprocess.PIPE, text=True, check=True
    )
    assert "It failed." not in done.stderr
    assert "It is odd." in done.stderr


@pytest.mark.parametrize("way", ["people", "daemon"])
def test_a_log_that_cannot_be_written_ends_nothing(way: str) -> None:
    """Whoever read it is gone: the work it tells of goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-c", f"{_DAEMON}\nprint('went on')", way],
            stderr=closed,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stdout == "went on\n"
