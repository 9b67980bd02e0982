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
from envmgr.domain.values.environment import Environment
from envmgr.engine.work.planned import Planned
from envmgr.host.system import create_private, write_private
from envmgr.ports import PlanFile

_ABOUT, _PLAN = "envmgr.json", "plan.tfplan"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan as it was saved, and the commit and fingerprint it was made for."""

    commit: str
    fingerprint: str
    destroy: bool
    content: bytes


def write(file: Path, environment: Environment, planned: Planned, *, destroy: bool) -> None:
    """Saves a plan; the file is made anew, with mode 0600."""
    about = {
        "environment": str(environment.id),
        "commit": planned.claim.commit,
        "fingerprint": planned.claim.fingerprint,
        "destroy": destroy,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_ABOUT, json.dumps(about))
        archive.writestr(_PLAN, planned.file.path.read_bytes())
    write_private(file, buffer.getvalue(), "The plan cannot be saved")


def read(file: Path, environment: Environment) -> SavedPlan:
    """Reads a saved plan; raises UsageError where it is none, or another environment's."""
    try:
        with zipfile.ZipFile(file) as archive:
            about = json.loads(archive.read(_ABOUT))
            saved = SavedPlan(
                commit=about["commit"],
                fingerprint=about["fingerprint"],
                destroy=bool(about["destroy"]),
                content=archive.read(_PLAN),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{file} is not a plan that `envmgr plan --save` wrote.") from error
    if about.get("environment") != str(environment.id):
        raise UsageError(f"{file} is a plan for {about.get('environment')}, not for {environment.label}.")
    return saved


def put(saved: SavedPlan, file: Path) -> PlanFile:
    """Writes the plan itself where it will be read, as a private file that must not be there yet."""
    with os.fdopen(create_private(file, rights=0o400), "wb") as target:
        target.write(saved.content)
    return PlanFile(path=file, digest=sha256(saved.content).hexdigest())
