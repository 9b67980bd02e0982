"""What is tried beside a booted systemd, in this order: one boot, one service, one check after the other.

`python -m tests.integration.systemd_trial FOLDER TERRAFORM` writes FOLDER/outcomes.json: for each check an
empty text, or what went wrong. Run by test_systemd.py; destroys nothing but the system it runs on.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.support import service
from tests.support.git_repository import GitRepository
from tests.support.service import eventually, shown
from tests.support.slow_work import slow_work

UNIT = "envmgr.service"
DATA = Path("/var/lib/envmgr")
CONFIG = Path("/etc/envmgr")
APPLIES = "$TF_DATA_DIR/../../../../../applies"
WORKSPACE = DATA / "workspaces/acme/shop/alice/terraform"
CREDENTIAL = "a-password-of-the-trial"

FOR_TRIAL = """[Service]
LoadCredential=acme-token:/etc/credstore/acme-token
WatchdogSec=6s
RestartSec=100ms
"""


class Trial:
    """The service and the repository it watches."""

    def __init__(self, terraform: str) -> None:
        self.terraform = service.install(terraform)
        os.environ["SUDO_UID"] = service.run(
            "id", "-u", service.USER
        )  # so git lets root push to its repository
        self.shop = GitRepository.create(Path("/srv/git/shop.git"))
        self.shop.commit("main", {"README": "shop"})
        self.configure()
        credential = Path("/etc/credstore/acme-token")
        credential.parent.mkdir(exist_ok=True, mode=0o700)
        credential.write_text(f"{CREDENTIAL}\n")
        credential.chmod(0o600)
        for unit in (UNIT, "envmgr@acme.service"):
            service.drop_in(unit, "trial.conf", FOR_TRIAL)

    def configure(self, extra: str = "") -> None:
        """Writes the organization file."""
        CONFIG.mkdir(exist_ok=True)
        (CONFIG / "acme.yaml").write_text(
            f"organization: acme\nterraform: {{binary: {self.terraform}}}\npolling: {{interval: 1s}}\n"
            f"environment_variables: {{TF_VAR_token: {{systemd: acme-token}}}}\n{extra}"
            f"repositories: [{{name: shop, url: {self.shop.path}}}]\n"
        )

    def push(self, number: int, seconds: float = 0, applies: str = APPLIES) -> str:
        """A commit on `env-alice` whose apply takes so long, and tells of it in a file."""
        commit = self.shop.commit(
            "env-alice",
            {"terraform/main.tf": slow_work(number, seconds, applies)},
        )
        service.run("chown", "-R", f"{service.USER}:", str(self.shop.path))
        return commit

    def applies(self, number: int, data: Path = DATA) -> list[str]:
        """What the provisioner of this number wrote."""
        path = data / "applies"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.split()[1:2] == [str(number)]]

    def is_ready(self, commit: str, data: Path = DATA) -> bool:
        """Whether the environment has the commit."""
        found = service.environments(str(data))
        return [(e["status"], e["applied_commit"]) for e in found] == [("ready", commit)]

    def wait_until_ready(self, commit: str, data: Path = DATA) -> None:
        """Waits for it."""
        try:
            eventually(lambda: self.is_ready(commit, data), "ready")
        except AssertionError as error:
            raise AssertionError(f"{error}: {service.environments(str(data))}") from error


def units_are_clean(_: Trial) -> None:
    """`systemd-analyze verify` has nothing to say of either unit."""
    for unit in ("envmgr.service", "envmgr@.service"):
        command = ["systemd-analyze", "verify", "--man=no", str(service.UNITS / unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = [line for line in done.stderr.splitlines() if "envmgr" in line]
        assert (done.returncode, said) == (0, [])


def start_is_told_when_ready(_: Trial) -> None:
    """`systemctl start` returns when READY came, and the status text says what is watched."""
    service.run("systemctl", "start", UNIT)
    assert shown(UNIT, "ActiveState") == "active"
    assert shown(UNIT, "StatusText") == "1 repository watched"
    assert shown(UNIT, "User") == service.USER
    assert Path(f"/proc/{shown(UNIT, 'MainPID')}").stat().st_uid != 0


def an_environment_becomes_ready_under_all_hardening(trial: Trial) -> None:
    """Git, Terraform, a provisioner, its temporary file and the state, all within the sandbox."""
    trial.wait_until_ready(trial.push(1))
    assert (DATA / "state").is_dir()


def folders_are_private(_: Trial) -> None:
    """Nobody else reads what the service wrote."""
    for folder in (DATA, Path("/var/cache/envmgr")):
        assert folder.stat().st_mode & 0o777 == 0o700, folder
        assert folder.owner() == service.USER
    assert service.as_user("ls", str(DATA), user="nobody").returncode != 0
    open_to_others = [p for p in DATA.rglob("*") if not p.is_symlink() and p.stat().st_mode & 0o077]
    written = [p for p in open_to_others if p.parts[4] not in ("mirrors", "terraform")]
    assert not written, written[:5]


def a_credential_reaches_terraform_and_nobody_else(trial: Trial) -> None:
    """Terraform's environment has it; other users, the log and the data folder do not."""
    assert "token 1 set" in trial.applies(1)
    path = f"/run/credentials/{UNIT}/acme-token"
    assert service.as_user("cat", path, user="nobody").returncode != 0
    assert service.as_user("cat", path).stdout.strip() == CREDENTIAL, "manual commands need it"
    assert CREDENTIAL not in service.journal()
    assert not service.run("grep", "-rl", CREDENTIAL, str(DATA), check=False)


def reload_takes_good_files(trial: Trial) -> None:
    """New variables are applied without a push."""
    trial.configure("variables: {note: new}\n")
    before = shown(UNIT, "MainPID")
    service.run("systemctl", "reload", UNIT)
    eventually(lambda: "Configuration reloaded" in service.journal(), "reloaded")
    assert shown(UNIT, "MainPID") == before
    assert shown(UNIT, "ActiveState") in ("active", "reloading")


def reload_refuses_bad_files(trial: Trial) -> None:
    """The old configuration works on; status text and journal say so, naming file and line."""
    trial.configure("colour: blue\n")
    service.run("systemctl", "reload", UNIT)
    eventually(lambda: "old configuration kept" in shown(UNIT, "StatusText"), "status text")
    assert shown(UNIT, "ActiveState") == "active"
    assert "acme.yaml:" in service.journal()
    trial.wait_until_ready(trial.push(2))
    trial.configure()
    service.run("systemctl", "reload", UNIT)
    eventually(lambda: "old" not in shown(UNIT, "StatusText"), "status text without remark")


def terraform_outlives_sigkill_and_is_adopted(trial: Trial) -> None:
    """The daemon dies in the middle of an apply: it is applied once, by the Terraform that went on."""
    commit = trial.push(3, seconds=9)
    eventually(lambda: trial.applies(3), "apply started")
    dead = service.main_pid(UNIT)
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: shown(UNIT, "MainPID") not in ("0", str(dead)), "restarted")
    eventually(lambda: shown(UNIT, "ActiveState") == "active", "active")
    assert "finished 3" not in trial.applies(3), "the restart was too slow for what is tried here"
    trial.wait_until_ready(commit)
    assert trial.applies(3) == ["started 3", "token 3 set", "finished 3"]
    history = service.as_user("envmgr", "history", "--json", "--config", str(CONFIG), "--data-dir", str(DATA))
    [run] = [run for run in json.loads(history.stdout) if run["commit"] == commit]
    assert (run["kind"], run["status"]) == ("apply", "succeeded"), run


def a_daemon_that_hangs_is_replaced(trial: Trial) -> None:
    """Stopped, it says nothing; systemd kills it by the watchdog and starts another, which works."""
    hung, restarts = service.main_pid(UNIT), int(shown(UNIT, "NRestarts"))
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: int(shown(UNIT, "NRestarts")) > restarts, "restarted by the watchdog")
    eventually(lambda: shown(UNIT, "ActiveState") == "active", "active")
    assert not service.alive(hung)
    assert "Fatal Python error: Aborted" in service.journal(), "the stacks of its threads tell what hung"
    trial.wait_until_ready(trial.push(4))


def stop_drains(trial: Trial) -> None:
    """A stop during an apply longer than the watchdog's time lets it finish, and is no failure."""
    commit = trial.push(5, seconds=8)
    eventually(lambda: trial.applies(5), "apply started")
    stopping = threading.Thread(target=service.run, args=("systemctl", "stop", UNIT))
    stopping.start()
    eventually(lambda: "draining" in shown(UNIT, "StatusText"), "status text")
    stopping.join(40)
    assert shown(UNIT, "ActiveState") == "inactive"
    assert shown(UNIT, "Result") == "success"
    assert trial.applies(5) == ["started 5", "token 5 set", "finished 5"]
    assert trial.is_ready(commit)


def a_cage_is_made_under_all_hardening(trial: Trial) -> None:
    """From inside it nothing of the service's is seen but its proxy; the daemon's death and a stop are as without one.

    Without IPC namespaces, which the unit need not allow: with them see instance_trial.py.
    """
    trial.configure("cage: {kind: bwrap}\n")
    allowed = (service.ROOT / "systemd/envmgr.service.d/cage.conf.example").read_text()
    service.drop_in(UNIT, "cage.conf", allowed.replace(" ipc net uts\n", " net\n"))
    assert set(shown(UNIT, "RestrictNamespaces").split()) == {"mnt", "net", "pid", "user"}
    service.run("systemctl", "start", UNIT)
    applies = "$TF_DATA_DIR/applies"
    spied = f"ls -d {DATA}/* /etc/envmgr /run/credentials /home 2>/dev/null | tr '\\n' ' ' >$TF_DATA_DIR/seen; grep -c ' 0100007F:0C38 ' /proc/net/tcp >$TF_DATA_DIR/proxies; (ls /proc/sysvipc; ipcmk -Q 2>&1 || true) >$TF_DATA_DIR/ipc; touch $TF_DATA_DIR"
    commit = trial.push(6, seconds=4, applies=f'{applies}"; {spied}/x; echo "" >>"{applies}')
    eventually(lambda: trial.applies(6, WORKSPACE), "apply started in its cage")
    dead = service.main_pid(UNIT)
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: shown(UNIT, "MainPID") not in ("0", str(dead)), "restarted")
    trial.wait_until_ready(commit)
    assert trial.applies(6, WORKSPACE) == ["started 6", "token 6 set", "finished 6"]
    seen = (WORKSPACE / "seen").read_text().split()
    assert sorted(Path(path).name for path in seen) == ["cache", "state", "tmp", "workspaces"], seen
    assert (WORKSPACE / "proxies").read_text() == "1\n", "the proxy listens in there"
    assert (WORKSPACE / "ipc").read_text().strip().endswith("Function not implemented")
    trial.push(7, seconds=4, applies=applies)
    eventually(lambda: trial.applies(7, WORKSPACE), "apply started in its cage")
    service.run("systemctl", "stop", UNIT)
    assert shown(UNIT, "Result") == "success"
    assert trial.applies(7, WORKSPACE) == ["started 7", "token 7 set", "finished 7"]


def mistakes_in_the_files_are_not_tried_again(trial: Trial) -> None:
    """Exit code 2 at the start: a person must mend the files, a restart would not."""
    trial.configure("colour: blue\n")
    service.run("systemctl", "start", UNIT, check=False)
    assert shown(UNIT, "ActiveState") == "failed"
    assert (shown(UNIT, "ExecMainStatus"), shown(UNIT, "NRestarts")) == ("2", "0")
    trial.configure()
    service.run("systemctl", "reset-failed", UNIT)


def an_instance_has_folders_of_its_own(trial: Trial) -> None:
    """envmgr@acme.service has its own user, reads acme.yaml, and shares nothing with envmgr.service, which it replaces."""
    service.run("systemctl", "start", UNIT)
    service.run("systemd-sysusers", "--inline", 'u envmgr-acme - "envmgr for acme" /var/lib/envmgr/acme')
    service.run("chown", "-R", "envmgr-acme:", str(trial.shop.path))
    service.run("systemctl", "start", "envmgr@acme.service")
    assert shown(UNIT, "ActiveState") in ("inactive", "deactivating")
    data = DATA / "acme"
    eventually(lambda: trial.applies(5, data), "applied by the instance")
    assert trial.applies(5, data)[0] == "started 5"
    assert shown("envmgr@acme.service", "User") == data.owner() == "envmgr-acme"
    assert service.as_user("ls", str(DATA / "state"), user="envmgr-acme").returncode != 0
    assert service.as_user("ls", str(data)).returncode != 0, "nor the other way round"
    service.run("systemctl", "stop", "envmgr@acme.service")
    service.run("chown", "-R", f"{service.USER}:", str(trial.shop.path))
    assert shown("envmgr@acme.service", "Result") == "success"


CHECKS: tuple[Callable[[Trial], None], ...] = (
    units_are_clean,
    start_is_told_when_ready,
    an_environment_becomes_ready_under_all_hardening,
    folders_are_private,
    a_credential_reaches_terraform_and_nobody_else,
    reload_takes_good_files,
    reload_refuses_bad_files,
    terraform_outlives_sigkill_and_is_adopted,
    a_daemon_that_hangs_is_replaced,
    stop_drains,
    mistakes_in_the_files_are_not_tried_again,
    an_instance_has_folders_of_its_own,
    a_cage_is_made_under_all_hardening,
)


def main(folder: str, terraform: str) -> None:
    """Runs all checks; one that fails does not keep the next from being tried."""
    trial = Trial(terraform)
    outcomes: dict[str, str] = {}
    for check in CHECKS:
        began = time.monotonic()
        try:
            check(trial)
            outcomes[check.__name__] = ""
        except Exception:  # noqa: BLE001  the outcome is told outside
            outcomes[check.__name__] = f"{traceback.format_exc()}\n{service.journal()[-6000:]}"
        print(f"{time.monotonic() - began:5.1f} s  {check.__name__}")  # noqa: T201  shown where a test fails
    Path(folder, "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
