"""An operator's first day, beside a booted systemd: what the pages say to type is typed, word for word.

`python -m tests.integration.installation_trial FOLDER TERRAFORM` copies the checkout, installs it from there
into a Python of its own, runs it as the service that the guide sets up, gives it a secret, and takes all
of it away again. Run by test_installation.py; destroys nothing but the system it runs on.
"""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import service
from tests.support.git_repository import GitRepository
from tests.support.service import eventually, shown
from tests.unit.documents_example import CHECKOUT, TEXTS

SECRET = "the-key-of-the-first-day"
SHOP = Path("/srv/git/shop.git")
FILE = Path("/etc/envmgr/acme.yaml")
ORGANIZATION = f"""organization: acme
terraform: {{binary: /usr/local/bin/terraform}}
polling: {{interval: 1s}}
repositories:
  - name: shop
    url: {SHOP}
"""
WITH_SECRET = f"{ORGANIZATION}environment_variables: {{TF_VAR_key: {{systemd: acme-aws-secret}}}}\n"
CODE = """
variable "key" { default = "none" }
resource "terraform_data" "key" { input = sha256(var.key) }
output "key" { value = terraform_data.key.output }
"""
# Here root types everything, and nobody sits at the terminal to be asked for a password.
SUDO = """#!/usr/bin/env bash
[ "${1:-}" = -u ] || exec "$@"
exec setpriv --reuid="$2" --regid="$2" --init-groups -- env "${@:3}"
"""
ASKED = f"#!/bin/sh\nprintf %s {SECRET}\n"


class Day:
    """A checkout as somebody cloned it, and whoever types in it."""

    def __init__(self, folder: Path, terraform: Path) -> None:
        self.checkout = folder / "checkout"
        self.organization = folder / "acme.yaml"
        self.organization.write_text(ORGANIZATION)
        listed = service.run(
            "git", "-C", str(CHECKOUT), "ls-files", "--cached", "--others", "--exclude-standard"
        )
        for name in listed.splitlines():
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, self.checkout / name)
        if not Path("/usr/local/bin/terraform").exists():
            shutil.copy(terraform, "/usr/local/bin/terraform")
        for name, text in (("sudo", SUDO), ("systemd-ask-password", ASKED)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        os.environ["PATH"] = f"{folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.before = named_ours()
        self.shop = GitRepository.create(SHOP)
        self.shop.commit("main", {"README": "shop"})
        self.shop.commit("env-alice", {"terraform/main.tf": CODE})

    def types(self, page: str, heading: str, which: int = 0, *, edits: str = "") -> str:
        """
        Runs one block of commands below a heading of a page; the first command that fails ends the day.

        :param which: which block below the heading, from 0
        :param edits: what is done where the block's own comment asks for an edit
        """
        text = TEXTS[f"docs/{page}.md"]
        below = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
        block = re.findall(r"^```sh\n(.*?)^```$", below, re.MULTILINE | re.DOTALL)[which]
        if edits:
            block, count = re.subn(r"(?m)# put .*$", f"\n{edits}", block)
            assert count == 1, f"{page}, {heading}: no longer asks for an edit"
        done = subprocess.run(
            ["bash", "-c", f"set -e -o pipefail\n{block}"],
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{page}, {heading}: {block}{done.stdout}{done.stderr}"
        return done.stdout


def named_ours() -> set[Path]:
    """What lies on the system by envmgr's name; not in the folder for passing files, where other tests' may be."""
    found = (path for top in ("/etc", "/var", "/usr/local") for path in Path(top).rglob("*envmgr*"))
    return {path for path in found if not path.is_relative_to("/var/tmp")}


def key() -> str | None:
    """The output of alice's environment, as the service's user is shown it."""
    done = service.as_user("/usr/local/bin/envmgr", "output", "alice", "key")
    return done.stdout.strip() if done.returncode == 0 else None


def is_installed(day: Day) -> None:
    """By a Python that the service can see."""
    day.types("start/install", "Install it for all users")
    assert day.types("start/install", "Which Python").startswith("/usr/")


def runs_as_a_service(day: Day) -> None:
    """Set up by the guide's block, its environment becomes ready."""
    day.types(
        "guides/service",
        "The smallest working example",
        edits=f"cp {day.organization} {FILE} && chown -R {service.USER}: {SHOP}",
    )
    assert shown("envmgr.service", "ActiveState") == "active"
    eventually(lambda: key() == hashlib.sha256(b"none").hexdigest(), "the environment is there", 60)


def is_given_a_secret(day: Day) -> None:
    """Which reaches the code, is nowhere in plain text, and is found by a command by hand."""
    FILE.write_text(WITH_SECRET)
    day.types("guides/service", "Secrets")
    # What is secret may change every hour, so it alone is no reason to apply: a push is.
    os.environ["SUDO_UID"] = service.run("id", "-u", service.USER)  # so git lets root push there
    day.shop.commit("env-alice", {"terraform/main.tf": f"# again{CODE}"})
    service.run("chown", "-R", f"{service.USER}:", str(SHOP))
    eventually(lambda: key() == hashlib.sha256(SECRET.encode()).hexdigest(), "the code has the secret", 60)
    stored = Path("/etc/credstore.encrypted/acme-aws-secret").read_bytes()
    assert SECRET.encode() not in stored
    assert "acme" in day.types("guides/service", "Commands by hand", 1)


def is_reloaded_and_stopped(day: Day) -> None:
    """As two more pages say."""
    day.types("guides/service", "Change the configuration")
    assert shown("envmgr.service", "ActiveState") == "active"
    day.types("guides/stop-everything", "Stop all work on this host")
    assert shown("envmgr.service", "ActiveState") == "inactive"


def is_taken_away(day: Day) -> None:
    """With nothing left of it."""
    inside = ["env", "CREDENTIALS_DIRECTORY=/run/credentials/envmgr.service"]
    service.run("systemctl", "start", "envmgr")
    done = service.as_user(*inside, "/usr/local/bin/envmgr", "destroy", "alice", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    day.types("guides/decommission", "Uninstall envmgr")
    assert named_ours() - day.before == set()
    assert service.USER not in {entry.pw_name for entry in pwd.getpwall()}


STEPS = (is_installed, runs_as_a_service, is_given_a_secret, is_reloaded_and_stopped, is_taken_away)


def main() -> None:
    """The day, in the order of the pages."""
    day = Day(Path(sys.argv[1]), Path(sys.argv[2]))
    for step in STEPS:
        step(day)
        sys.stdout.write(f"{step.__name__}\n")


if __name__ == "__main__":
    main()
