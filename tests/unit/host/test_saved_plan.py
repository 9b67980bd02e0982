"""Plans kept in files."""

import json
import os
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from envmgr.domain.errors import UsageError
from envmgr.host import saved_plan
from envmgr.host.saved_plan import SavedPlan, put, read_saved, save

PLAN = SavedPlan(
    environment="acme/shop/alice", commit="c" * 40, fingerprint="f" * 64, destroy=False, content=b"\0plan"
)
ABOUT = {"environment": "acme/shop/alice", "commit": "c", "fingerprint": "f", "destroy": False}
NAMES = {"about": "envmgr.json", "plan": "plan.tfplan"}


def packed(file: Path, entries: dict[str, str | bytes]) -> Path:
    """A zip file with such entries."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(NAMES[name], content)
    return file


def test_what_was_saved_is_read_again_and_is_its_owners_only(tmp_path: Path) -> None:
    file = tmp_path / "saved"
    save(file, PLAN)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_saved(file) == PLAN


def test_it_is_put_where_terraform_reads_it(tmp_path: Path) -> None:
    """With the digest by which it is known again, and never over another file."""
    made = put(PLAN, tmp_path / "plan")
    assert (made.path.read_bytes(), made.digest) == (PLAN.content, sha256(PLAN.content).hexdigest())
    assert made.path.stat().st_mode & 0o777 == 0o400
    with pytest.raises(OSError, match="exists"):
        put(PLAN, tmp_path / "plan")


@pytest.mark.parametrize(
    "entries",
    [
        {"about": json.dumps(ABOUT)},
        {"plan": "p"},
        {"about": "no JSON", "plan": "p"},
        {"about": "[]", "plan": "p"},
        {"about": "null", "plan": "p"},
        {"about": json.dumps({"commit": "c"}), "plan": "p"},
    ],
    ids=["no plan", "nothing about it", "no JSON", "a list", "null", "half of it"],
)
def test_what_is_no_saved_plan_is_refused(tmp_path: Path, entries: dict[str, str | bytes]) -> None:
    file = packed(tmp_path / "other", entries)
    with pytest.raises(UsageError, match="is not a plan that `envmgr plan --save` wrote"):
        read_saved(file)


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(b"anything")
    with pytest.raises(UsageError, match="is not a plan"):
        read_saved(file)


@pytest.mark.timeout(60)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a regular file: write a saved plan into one first"):
        read_saved(tmp_path / "pipe")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = packed(tmp_path / "bomb", {"about": json.dumps(ABOUT), "plan": b"\0" * 2**20})
    monkeypatch.setattr(saved_plan, "_LARGEST", 2**19)
    assert file.stat().st_size < 2**19
    with pytest.raises(UsageError, match="is not a plan"):
        read_saved(file)
