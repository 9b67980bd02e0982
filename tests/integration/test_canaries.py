"""Invariant 12 as a campaign: secrets of every kind are planted, everything is done, and they are looked for everywhere."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.azure import Azurite
from tests.support.canaries import Search, Seen, Watcher, open_to_others
from tests.support.canary_campaign import BY_FILE, Campaign, by_daemon, by_hand, plant, statuses
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshGit, SshServer
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)  # the campaign is one fixture


@pytest.fixture(scope="module")
def campaign(
    tmp_path_factory: pytest.TempPathFactory,
    terraform_binary: str,
    azurite: Azurite,
    aws_environment: dict[str, str],
    ssh_server_process: SshServer,
) -> Iterator[Campaign]:
    """Everything that can be done with environments was done, with watched processes."""
    folder = tmp_path_factory.mktemp("canaries")
    with GitServer(folder / "git") as server:
        ssh = SshGit(ssh_server_process, folder / "git")
        made = plant(folder, terraform_binary, server, ssh, azurite, aws_environment)
        with Watcher() as watcher:
            by_hand(made)
            by_daemon(made)
        made.seen = watcher.seen
        yield made


def test_the_secrets_were_used(campaign: Campaign) -> None:
    """Otherwise nothing would prove anything: each reached its end, and was hidden where it would have shown."""
    heard = "".join(campaign.heard.values())
    digest = hashlib.sha256(BY_FILE.encode()).hexdigest()
    assert f"sha256 of what is sensitive: {digest}" in heard
    assert "no access with [redacted], [redacted] and [redacted]" in heard
    assert "refused: [redacted] / [redacted] / " in heard
    assert ("keyed", "ready") in statuses(campaign)
    assert {"init", "plan", "apply", "show"} <= set(campaign.arguments.read_text().split())
    assert any("watched" in message for message in campaign.told)
    assert {b"git", b"ssh"} <= {each.arguments.split(b"\0")[0].rpartition(b"/")[2] for each in campaign.seen}


def test_nothing_that_was_said_holds_a_secret(campaign: Campaign) -> None:
    """Neither for people nor as JSON, neither the daemon's log nor what systemd was told."""
    found = Search(campaign.canaries)
    for what, text in campaign.heard.items():
        found.text(what, text)
    found.text("systemd", "\n".join(campaign.told))
    assert found.found == []


def test_nothing_in_the_data_folder_holds_a_secret(campaign: Campaign) -> None:
    """Database (its raw pages and its WAL), logs, mirrors, working folders, what commands leave in them."""
    found = Search(campaign.canaries)
    found.files(campaign.world.data)
    assert found.found == []
    assert open_to_others(campaign.world.data) == []
    assert list(campaign.world.data.rglob("*.tfplan")) == []


def test_a_kept_plan_is_private(campaign: Campaign) -> None:
    """It holds sensitive values in plain text, as Terraform's own does: nobody else may read it."""
    saved = campaign.world.folder / "kept" / "alice.plan"
    assert saved.stat().st_mode & 0o777 == 0o600


def test_no_process_is_given_a_secret_as_an_argument(campaign: Campaign) -> None:
    """Neither envmgr, git, ssh, Terraform, nor what these start."""
    found = Search(campaign.canaries)
    found.bytes("Terraform", campaign.arguments.read_bytes())
    for each in campaign.seen:
        if not each.folder.startswith(str(campaign.world.folder / "git")):  # what the servers run
            found.bytes(repr(each.arguments[:200]), each.arguments)
    assert found.found == []


def test_no_process_of_another_organization_has_a_secret_in_its_environment(campaign: Campaign) -> None:
    """Neither its Terraform nor its git."""
    found = Search(campaign.canaries)
    others = [each for each in campaign.seen if is_of(each, b"other/outsider") and not is_envmgr(each)]
    assert {b"git", b"terraform"} <= {each.arguments.split(b"\0")[0].rpartition(b"/")[2] for each in others}
    for each in others:
        found.bytes(repr(each.arguments[:200]), each.environment)
    assert found.found == []


def is_of(each: Seen, what: bytes) -> bool:
    """Whether a process works for an organization's repository."""
    return what in each.arguments + each.environment + each.folder.encode()


def is_envmgr(each: Seen) -> bool:
    """Envmgr itself, or a child of it that has not begun to be another program."""
    words = each.arguments.split(b"\0")
    return any(word.endswith(b"/envmgr") for word in words[:2]) or words[0] == b"env"


@pytest.mark.parametrize("form", ["raw", "json", "go", "quoted", "base64", "line"])
def test_the_search_finds_what_is_there(tmp_path: Path, form: str) -> None:
    """Each form of a secret, in a file that others may read."""
    value = 'a "secret" & <more>/\nand a line that is long enough'
    forms = {
        "raw": value,
        "json": json.dumps(value),
        "go": json.dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        "quoted": quote(value),
        "base64": base64.b64encode(f"u:{value}".encode()).decode(),
        "line": "| and a line that is long enough |",
    }
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "inner").write_text("nothing")
    (tmp_path / "leak").write_text(f"before {forms[form]} after")
    tmp_path.chmod(0o755)
    (tmp_path / "leak").chmod(0o644)

    found = Search({"planted": value, "another": "never written"})
    found.files(tmp_path)

    assert found.found == ["leak: planted"]
    assert open_to_others(tmp_path) == ["leak"]


def test_the_watcher_sees_arguments_and_environment(tmp_path: Path) -> None:
    """Of a process that starts while it watches."""
    with Watcher() as watcher:
        wait = ["sh", "-c", "echo; read x", "an argument"]
        process = subprocess.Popen(
            wait, env={"GIVEN": "a value"}, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        wait_for(lambda: any(b"an argument" in each.arguments for each in watcher.seen), 20)
        process.communicate(b"\n")
    seen = next(each for each in watcher.seen if b"an argument" in each.arguments)
    assert (b"GIVEN=a value" in seen.environment, seen.folder) == (True, str(tmp_path))
