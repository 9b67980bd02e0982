"""Running a branch's commands for an environment: in a clean checkout, with the Terraform outputs at hand."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from envmgr.domain.environment import Environment, Output
from envmgr.domain.step import Step
from envmgr.ports import Place, StepLimits

from .job import ActiveRun, Job

_LARGEST_OUTPUT = 50 * 1024 * 1024
_OTHER = re.compile(r"[^A-Z0-9_]")


def run_steps(job: Job, active: ActiveRun, steps: Sequence[Step], commit: str) -> None:
    """Runs steps one after the other in a checkout of exactly a commit; the first that fails ends it.

    Raises StepFailed, Interrupted, and what the checkout or the state raise.
    """
    services, identity = job.services, job.environment.id
    access = job.project.tenant.access()
    state = job.read_state()
    outputs = state.outputs if state is not None else {}
    job.redact = access.hiding(state)
    folder = services.layout.private(services.layout.steps(identity))
    checkout = folder / "checkout"
    services.git.checkout(identity.repository_id, commit, checkout)
    try:
        place = Place(
            checkout=checkout,
            home=folder / "home",
            temporary=folder / "tmp",
            cache=services.layout.step_cache(identity.repository_id),
            environment={
                **access.environment,
                **_identity(job.environment, commit),
                **_outputs(outputs, folder / "outputs.json"),
            },
            limits=StepLimits(output=_LARGEST_OUTPUT),
        )
        for step in steps:
            services.steps.run(step, place, active.watch())
    finally:
        (folder / "outputs.json").unlink(missing_ok=True)
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def _identity(environment: Environment, commit: str) -> dict[str, str]:
    """Which environment it is, as steps are told; a branch's undecodable bytes are given as they are."""
    return {
        "ENVMGR_ORGANIZATION": environment.id.organization,
        "ENVMGR_REPOSITORY": environment.id.repository,
        "ENVMGR_BRANCH": environment.branch,
        "ENVMGR_ENVIRONMENT": environment.id.name,
        "ENVMGR_COMMIT": commit,
    }


def _outputs(outputs: Mapping[str, Output], file: Path) -> dict[str, str]:
    """Each Terraform output as a variable, text as it is and all else as JSON; and all of them in a private file."""
    document = json.dumps({name: output.value for name, output in outputs.items()})
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(document)
    named = {f"ENVMGR_OUTPUT_{_OTHER.sub('_', name.upper())}": output for name, output in outputs.items()}
    return {**{name: _text(output.value) for name, output in named.items()}, "ENVMGR_OUTPUTS": str(file)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
