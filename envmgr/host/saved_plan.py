"""A plan kept in a file between `envmgr plan --save` and `envmgr apply --plan`.

The file holds Terraform's plan, and what it was made for. Like any Terraform plan it may hold sensitive
values in plain text: it is made readable by its owner only.
"""

import io
import json
import os
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from envmgr.domain.errors import UsageError
from envmgr.host.given import read_given
from envmgr.host.system import create_private, write_private
from envmgr.ports import PlanFile

_ABOUT, _PLAN = "envmgr.json", "plan.tfplan"
_LARGEST = 256 * 1024 * 1024
"""Bytes: a plan holds the state that it was made from, and no state is larger than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan as it was saved, and the environment, commit and fingerprint it was made for."""

    environment: str
    commit: str
    fingerprint: str
    destroy: bool
    content: bytes


def save(file: Path, saved: SavedPlan) -> None:
    """Saves a plan; the file is made anew, with mode 0600."""
    about = {
        "environment": saved.environment,
        "commit": saved.commit,
        "fingerprint": saved.fingerprint,
        "destroy": saved.destroy,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_ABOUT, json.dumps(about))
        archive.writestr(_PLAN, saved.content)
    write_private(file, buffer.getvalue(), "The plan cannot be saved")


def read_saved(file: Path) -> SavedPlan:
    """Reads a saved plan; raises UsageError where it cannot be read, or is none."""
    content = read_given(file, _LARGEST, "a saved plan")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            about = json.loads(_entry(archive, _ABOUT))
            return SavedPlan(
                environment=str(about.get("environment")),
                commit=about["commit"],
                fingerprint=about["fingerprint"],
                destroy=bool(about["destroy"]),
                content=_entry(archive, _PLAN),
            )
    except (ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{file} is not a plan that `envmgr plan --save` wrote.") from error


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """An entry, which may be no larger than a file may be: a few bytes can unpack to any size."""
    if archive.getinfo(name).file_size > _LARGEST:
        raise ValueError(name)
    return archive.read(name)


def content_of(file: PlanFile) -> bytes:
    """A plan as Terraform wrote it."""
    return file.path.read_bytes()


def put(saved: SavedPlan, file: Path) -> PlanFile:
    """Writes the plan itself where it will be read, as a private file that must not be there yet."""
    with os.fdopen(create_private(file, rights=0o400), "wb") as target:
        target.write(saved.content)
    return PlanFile(path=file, digest=sha256(saved.content).hexdigest())
