"""`envmgr daemon`: its log, its reload, its end."""

import json
import signal
import time

import pytest

from .world import World

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
        end = time.monotonic() + 60
        while not any(e["status"] == "failed" for e in world.ok("list", "--json").document):
            assert time.monotonic() < end
            time.sleep(0.2)
        (world.config / "acme.yaml").write_text("organization: acme\nnonsense: 1\n")
        daemon.send_signal(signal.SIGHUP)
        time.sleep(1.5)
        daemon.send_signal(signal.SIGTERM)
        out, err = daemon.communicate(timeout=30)
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
