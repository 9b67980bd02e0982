"""`envmgr daemon`: its log, its reload, its end."""

import json
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import pytest

from tests.support.waiting import wait_for

from .world import World

if TYPE_CHECKING:
    import subprocess

CODE = """
variable "environment" { type = string }
resource "terraform_data" "bad" {
  lifecycle {
    precondition {
      condition     = var.environment == "nobody"
      error_message = "s3cret-token-value is wrong"
    }
  }
}
"""


def test_it_logs_json_without_secrets_reloads_and_ends(
    tmp_path_factory: pytest.TempPathFactory, terraform_binary: str
) -> None:
    """One JSON object on each line of standard error; a bad file keeps the old configuration."""
    world = World.create(tmp_path_factory.mktemp("daemon"))
    token = world.folder / "token"
    token.write_text("s3cret-token-value\n")
    token.chmod(0o600)
    settings = f"polling: {{interval: 1s}}\nenvironment_variables: {{TOKEN: {{file: {token}}}}}"
    world.configure(settings)
    world.branch("env-alice", {"terraform/main.tf": CODE})
    daemon = world.start("daemon", "--drain-timeout", "5s")
    try:
        wait_for(lambda: any(e["status"] == "failed" for e in world.ok("list", "--json").document))
        (world.config / "acme.yaml").write_text("organization: acme\nnonsense: 1\n")
        daemon.send_signal(signal.SIGHUP)
        assert daemon.stdout is not None
        assert daemon.stderr is not None
        told = ""
        while "reload-refused" not in told:
            told += (line := daemon.stderr.readline())
            assert line, told
        daemon.send_signal(signal.SIGTERM)
        err, out = (
            told + daemon.stderr.read(),
            daemon.stdout.read(),
        )  # communicate passes over what readline read ahead
        daemon.communicate(timeout=200)
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
    assert (daemon.returncode, out) == (0, "")
    events = [json.loads(line) for line in err.splitlines()]
    actions = [event.get("action") for event in events]
    wanted = {"started", "audited", "branch-seen", "failed", "reload-refused", "draining", "stopped"}
    assert wanted <= set(actions)
    failed = next(event for event in events if event.get("action") == "failed")
    assert failed["environment"] == "acme/shop/alice"
    assert "[redacted] is wrong" in failed["event"]
    assert "s3cret" not in err
    assert "s3cret" not in world("logs", "alice").out + world("show", "alice").out


def test_a_reload_that_is_asked_for_while_it_starts_comes_after_that_and_a_later_one_opens_the_page(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A SIGHUP ended a daemon that was still being imported; `server:` needs no restart, whether it comes or goes."""
    world = World.create(tmp_path_factory.mktemp("early"))
    daemon = world.start("daemon", "--drain-timeout", "5s")
    try:
        wait_for(lambda: _keeps(daemon.pid, signal.SIGHUP))
        assert not world.data.exists(), "nothing slow may be done before"
        daemon.send_signal(signal.SIGHUP)
        assert _until(daemon, "reloaded", "stopped")["action"] == "reloaded"
        settings = world.config / "daemon.yaml"
        settings.write_text("server: {listen: '127.0.0.1:0'}\ndaemon: {log_level: error}\n")
        daemon.send_signal(signal.SIGHUP)
        assert _until(daemon, "needs-restart")["event"].startswith("daemon.log_level changed")
        address = _until(daemon, "listening")["event"].removeprefix("Listens on ").rstrip(".")
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=200) as answer:
            assert answer.read() == b"database: ok\ndisk: ok\n"
        settings.unlink()
        daemon.send_signal(signal.SIGHUP)
        _until(daemon, "reloaded")
        _until(daemon, "reloaded")
        with pytest.raises(URLError):
            urllib.request.urlopen(f"http://{address}/readyz", timeout=200)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(200) == 0
    finally:
        daemon.kill()
        daemon.communicate()


def _keeps(pid: int, number: int) -> bool:
    """Whether a process has something of its own to do at a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _until(daemon: "subprocess.Popen[str]", *actions: str) -> dict[str, Any]:
    """The next line of its log with one of these actions."""
    assert daemon.stderr is not None
    for line in daemon.stderr:
        event: dict[str, Any] = json.loads(line)
        if event.get("action") in actions:
            return event
    raise AssertionError(f"it ended with {daemon.wait()} before {actions}")
