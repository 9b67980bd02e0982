"""What OpenTofu says and leaves that Terraform does not: in its own words, as its source has them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.terraform import backend
from envmgr.adapters.terraform.diagnostics import Diagnostic, Location
from envmgr.adapters.terraform.failures import failure
from envmgr.adapters.terraform.messages import Transcript, parse
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.providers.lock_file import selections_of, without_hashes
from envmgr.adapters.terraform.session import Outcome
from envmgr.adapters.terraform.state.errored_state import ErroredState
from envmgr.adapters.terraform.versions import Versions
from envmgr.domain.errors import EnvmgrError, NeedsPerson, StateLocked, Transient
from envmgr.domain.rules.tool.noted import takes_values_to_apply
from envmgr.host.children.child import Ended
from tests.support.opentofu import stand_in

LOCK_FILE = """# This file is maintained automatically by "tofu init".

provider "registry.opentofu.org/hashicorp/random" {
  version     = "3.7.2"
  constraints = "~> 3.7"
  hashes = [
    "h1:of-linux=",
    "h1:of-darwin=",
    "zh:of-both",
  ]
}
"""
ENCRYPTED = b'{"serial": 3, "lineage": "l", "meta": {}, "encrypted_data": "e", "encryption_version": "v0"}'


def said(command: str, *messages: Mapping[str, object]) -> EnvmgrError:
    """The failure of a command that printed these."""
    transcript = Transcript()
    for message in messages:
        transcript.add(parse(json.dumps({"@module": "tofu.ui", **message})))
    return failure(Outcome(command, Ended(1), transcript), timedelta(hours=1), lambda text: text)


def error(summary: str, detail: str = "") -> dict[str, object]:
    """An error as OpenTofu says it with `-json`."""
    diagnostic = {"severity": "error", "summary": summary, "detail": detail}
    return {
        "@level": "error",
        "@message": f"Error: {summary}",
        "type": "diagnostic",
        "diagnostic": diagnostic,
    }


def test_opentofu_is_told_from_a_terraform_of_the_same_number(tmp_path: Path) -> None:
    """By the name that it has for people, as its JSON is that of a Terraform without one key."""
    program = tmp_path / "terraform"
    program.write_text(stand_in("1.11.4", "/no/such/terraform"))
    program.chmod(0o755)
    versions = Versions(tmp_path / "versions.json", (1, 10))
    assert [versions.version(str(program)) for _ in range(2)] == ["opentofu-1.11.4"] * 2
    program.write_text(stand_in("1.9.4", "/no/such/terraform"))
    with pytest.raises(NeedsPerson, match=r"is version 1\.9\.4, but envmgr needs 1\.10"):
        versions.version(str(program))


@pytest.mark.parametrize(
    ("noted", "takes"),
    [("1.10.0", True), ("opentofu-1.10.10", False), ("opentofu-1.11.0", True), ("opentofu-1.11.0-rc1", True)],
)
def test_which_take_values_to_apply(noted: str, takes: bool) -> None:
    assert takes_values_to_apply(noted) is takes


def test_an_error_in_words_alone() -> None:
    """Of no type; what is said before the errors themselves is not the reason."""
    words = {"@level": "error", "@message": "Error loading state: failed to lock azure state: already locked"}
    assert type(said("init", words)) is StateLocked
    preamble = {"@level": "error", "@message": "OpenTofu encountered problems during initialization"}
    assert "Failed to read" in str(said("init", preamble, error("Failed to read module directory")))
    assert "encountered problems" in str(said("init", preamble))
    note = {"@level": "info", "@message": "Initializing the backend..."}
    assert "Initializing the backend" not in str(said("init", note, error("Bad")))


def test_an_ephemeral_action_is_told() -> None:
    hook = {"resource": {"addr": "ephemeral.x.y"}, "action": "open"}
    message = parse(json.dumps({"@message": "Opening", "type": "ephemeral_action_started", "hook": hook}))
    assert (message.type, message.address) == ("ephemeral_action_started", "ephemeral.x.y")


@pytest.mark.parametrize("summary", ["Unsupported OpenTofu Core version", "Incompatible module"])
def test_what_only_a_person_can_mend(summary: str) -> None:
    """Up to 1.11, and from 1.12 on."""
    assert type(said("init", error(summary, "This module is not compatible."))) is NeedsPerson


def test_prevented_in_the_words_of_1_12() -> None:
    detail = "Resource instance aws_s3_bucket.b[0] has prevent_destroy set, but the plan calls for it to be destroyed."
    found = said("plan", error("Resource instance cannot be destroyed", detail))
    assert type(found) is NeedsPerson
    assert "would destroy or replace aws_s3_bucket.b[0], which has lifecycle.prevent_destroy" in str(found)


def test_a_lock_of_opentofu_names_its_holder() -> None:
    info = "Lock Info:\n  ID:        abc-1\n  Path:      p\n  Operation: OperationTypeApply\n  Who:       ann@host\n  Version:   1.12.6\n  Created:   2026-11-21 01:02:03.4 +0000 UTC\n  Info:      \n"
    detail = f"Error message: resource temporarily unavailable\n{info}\n\nOpenTofu acquires a state lock to protect the state"
    assert "ann@host since 2026-11-21 01:02:03 UTC" in str(
        said("plan", error("Error acquiring the state lock", detail))
    )


def test_a_cloud_block_of_the_branch(tmp_path: Path) -> None:
    (tmp_path / "a.tofu").write_text("terraform {\n  cloud {}\n}\n")
    (tmp_path / "b.tofu").write_text("terraform {\n  cloud {}\n}\n")
    found = Diagnostic(
        severity="error",
        summary="Duplicate cloud configurations",
        detail="The cloud configuration was previously configured at a.tofu:2,3-8.",
        location=Location("b.tofu", 2, 3),
    )
    with pytest.raises(NeedsPerson, match=r"b\.tofu:2 has a backend or cloud block of its own"):
        backend.may_override(tmp_path, "local", [found])


def test_no_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    """OpenTofu would read it, and not ours, without a word."""
    names = ["envmgr_backend.tofu.json", "envmgr_backend_override.tofu.json"]
    for name in names:
        (tmp_path / name).write_text("{}")
    backend.write(tmp_path, ("local", {"path": "p"}), override=False)
    assert [path.name for path in tmp_path.iterdir()] == [backend.PLAIN]


def test_a_lock_file_of_opentofu() -> None:
    """Of another host, with a checksum for each platform."""
    assert selections_of(LOCK_FILE) == [("registry.opentofu.org", "hashicorp", "random", "3.7.2")]
    assert "hashes" not in without_hashes(LOCK_FILE)
    assert "~> 3.7" in without_hashes(LOCK_FILE)


def test_the_lock_beside_a_package(tmp_path: Path) -> None:
    """OpenTofu leaves one where it installs without a cache: else each `init` were taken for one that was tampered with."""
    cache, data = ProviderCache(tmp_path / "cache"), tmp_path / "data"
    cache.create()
    place = data / "providers/registry.opentofu.org/hashicorp/random/3.7.2/linux_amd64"
    place.parent.mkdir(parents=True)
    place.with_name("linux_amd64.lock").touch()
    cache.take(data, LOCK_FILE)
    assert cache.vouches(data)
    assert not list(place.parent.iterdir())


def test_an_encrypted_errored_state_is_not_pushed(tmp_path: Path) -> None:
    errored = ErroredState(tmp_path, tmp_path)
    errored.kept.write_bytes(ENCRYPTED)
    with pytest.raises(NeedsPerson, match="not pushed: it is truncated, encrypted or not a Terraform state"):
        errored.check_whole()
    errored.kept.write_text('{"version": 4, "lineage": "l", "serial": 3, "resources": []}')
    with pytest.raises(NeedsPerson, match="is encrypted, and envmgr cannot read it"):
        errored.check_may_follow(ENCRYPTED)


def test_another_state_of_the_same_serial_is_not_pushed(tmp_path: Path) -> None:
    """As an OpenTofu that crashes leaves a part of one, from 1.13 on."""
    errored = ErroredState(tmp_path, tmp_path)
    document = {"version": 4, "lineage": "l", "serial": 3, "resources": []}
    errored.kept.write_text(json.dumps(document))
    there = [{"mode": "managed", "type": "a", "name": "b", "instances": [{}]}]
    with pytest.raises(NeedsPerson, match="another one of the same serial"):
        errored.check_may_follow(json.dumps({**document, "resources": there}).encode())
    assert isinstance(said("apply", error("Failed to persist state to backend")), Transient)
