"""Invariant 12: what is secret reaches Terraform, and no file, log, row or argument list."""

import os
import sqlite3
from pathlib import Path

from envmgr.composition.compose import Start, compose
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code

CANARIES = {
    "env": "canary-from-environment-1111",
    "file": "canary-from-file-2222",
    "systemd": "canary-from-systemd-3333",
    "git": "canary-git-password-4444",
    "output": "canary-sensitive-output-5555",
}

MODULE = f"""
variable "by_env" {{}}
variable "by_file" {{ sensitive = true }}
variable "by_systemd" {{}}
variable "calls" {{}}
resource "terraform_data" "loud" {{
  input = "${{var.by_env}} ${{var.by_systemd}}"
  provisioner "local-exec" {{
    command = "echo the value is $V; tr '\\\\0' '\\\\n' < /proc/$PPID/cmdline >> $CALLS; ps -eo args >> $CALLS"
    environment = {{ V = var.by_env, CALLS = var.calls }}
  }}
}}
output "hidden" {{
  value     = "{CANARIES["output"]}"
  sensitive = true
}}
output "shown" {{ value = var.by_env }}
output "length" {{ value = nonsensitive(length(var.by_file)) }}
"""

FAILING = (
    MODULE
    + """
resource "terraform_data" "fails" {
  depends_on = [terraform_data.loud]
  provisioner "local-exec" { command = "echo broke with $V >&2; exit 1", environment = { V = var.by_systemd } }
}
""".replace(", environment", "\n    environment")
    .replace("{ command", "{\n    command")
    .replace("} }", "}\n  }")
)


def prepare(engine: Engine) -> Path:
    """Plant the canaries; gives the file in which process arguments are collected."""
    arguments = engine.folder / "arguments"
    secret = engine.folder / "secret"
    secret.write_text(CANARIES["file"] + "\n")
    secret.chmod(0o600)
    credentials = engine.folder / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "cred").write_text(CANARIES["systemd"])
    (credentials / "cred").chmod(0o600)
    engine.environ |= {"ACME_SECRET": CANARIES["env"], "CREDENTIALS_DIRECTORY": str(credentials)}
    engine.settings["environment_variables"] = {
        "TF_VAR_by_env": {"env": "ACME_SECRET"},
        "TF_VAR_by_file": {"file": str(secret)},
        "TF_VAR_by_systemd": {"systemd": "cred"},
        "TF_VAR_calls": str(arguments),
    }
    engine.settings["variables"] = {}
    return arguments


def leaks(engine: Engine, *but: Path) -> list[str]:
    """Every file below the data folder that holds a canary, outside of Terraform's own state."""
    found = []
    for path in engine.data.rglob("*"):
        if not path.is_file() or path in but or "mirrors" in path.parts or "source" in path.parts:
            continue
        content = path.read_bytes()
        found += [f"{path}: {kind}" for kind, canary in CANARIES.items() if canary.encode() in content]
    return found


def test_secrets_reach_terraform_and_nothing_else(engine: Engine) -> None:
    """Logs, records, events, messages and arguments are clean; files are private."""
    arguments = prepare(engine)
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE))
    shop.commit("env-broken", code(module=FAILING))

    engine.turn()

    alice, broken = engine.environment("alice"), engine.environment("broken")
    assert alice.status is Status.READY, alice.message
    assert alice.applied.outputs["length"].value == len(CANARIES["file"])
    assert alice.applied.outputs["hidden"].sensitive
    assert broken.status is Status.FAILED
    assert "the value is [redacted]" in (engine.data / engine.runs()[0].log).read_text()
    plans = list(engine.data.rglob("*.tfplan"))
    assert leaks(engine, *plans) == []
    assert not any(c in arguments.read_text() for c in CANARIES.values())
    shown = repr([alice, broken, *engine.runs(), *engine.application.services.store.events()])
    assert not any(canary in shown for canary in CANARIES.values())


def test_no_plan_is_kept_after_its_run(engine: Engine) -> None:
    """A plan holds sensitive values in plain text."""
    prepare(engine)
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE))
    shop.commit("env-broken", code(module=FAILING))

    engine.turn()

    assert list(engine.data.rglob("*.tfplan")) == []


def test_everything_in_the_data_folder_is_private(engine: Engine) -> None:
    """Folders 0700, files 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        prepare(engine)
        shop = engine.repository()
        shop.commit("env-alice", code(module=MODULE))
        engine.turn()
    finally:
        os.umask(before)

    assert engine.data.stat().st_mode & 0o077 == 0
    open_ones = [
        str(path.relative_to(engine.data))
        for path in (engine.data, *engine.data.iterdir())
        if path.stat().st_mode & 0o077
    ]
    assert open_ones == []
    for path in (engine.data / "logs").rglob("*.log"):
        assert path.stat().st_mode & 0o077 == 0


def test_the_database_holds_no_secret(engine: Engine) -> None:
    """Searched as text, row by row."""
    prepare(engine)
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE))
    engine.turn()

    with sqlite3.connect(engine.data / "envmgr.db") as database:
        dump = "\n".join(database.iterdump())
    assert "env-alice" in dump
    assert not any(canary in dump for canary in CANARIES.values())


def test_an_organization_hides_the_secrets_of_all(tmp_path: Path) -> None:
    """What one of them may read by mistake is no less another's secret."""
    config = tmp_path / "config"
    config.mkdir()
    for name in ("acme", "other"):
        (tmp_path / name).write_text(f"{name}-s3cr3t-word")
        (config / f"{name}.yaml").write_text(
            f"organization: {name}\nenvironment_variables: {{WORD: {{file: {tmp_path / name}}}}}\nrepositories: []\n"
        )
    application = compose(
        Start(config=config, data_dir=tmp_path / "data", actor="test", environ=dict(os.environ))
    )
    try:
        access = application.services.organizations["acme"].access()
        assert access.redact("acme-s3cr3t-word other-s3cr3t-word") == "[redacted] [redacted]"
        assert access.environment == {"WORD": "acme-s3cr3t-word"}
        (tmp_path / "other").write_text("rotated-s3cr3t")
        assert application.services.organizations["acme"].access().redact("rotated-s3cr3t") == "[redacted]"
    finally:
        application.close()
