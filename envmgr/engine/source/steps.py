"""Running a branch's commands for an environment: in a clean checkout, with the Terraform outputs at hand."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from envmgr.domain.documents.state import State
from envmgr.domain.rules.cage import credentials_of
from envmgr.domain.rules.transitions.deploys import began
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.environment import Environment, Output
from envmgr.domain.values.step import Command, Site, Step, Zip
from envmgr.domain.values.template import fill
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.lineage import own_state
from envmgr.host.leftovers import ASIDE, clear, sentence, sweep, tidy
from envmgr.host.system import write_private
from envmgr.ports import Deployer, Place

from .outside import made
from .own_targets import own

_OTHER = re.compile(r"[^A-Z0-9_]")


def run_steps(
    job: Job, active: ActiveRun, steps: Sequence[Step], commit: str, purpose: Purpose = Purpose.DEPLOY
) -> None:
    """Runs steps one after the other in a checkout of exactly a commit; the first that fails ends it.

    That they began is recorded before the first one runs; who calls this records that they came to their end. Raises
    StepFailed, Interrupted, and what the checkout or the state raise.
    """
    state = own_state(job)
    outputs = state.outputs if state is not None else {}
    with place_of(job, commit, state, purpose) as place:
        filled = own(job, state, [replace(step, run=_filled(step.run, outputs)) for step in steps])
        # A step that was begun and not ended may have done anything: the mark goes down before it runs.
        job.update(lambda e: began(e, steps))
        for step in filled:
            _runner(job.services, step).run(step, place, active.watch())


@contextmanager
def place_of(job: Job, commit: str, state: State | None, purpose: Purpose) -> Iterator[Place]:
    """Where an environment's steps run: a checkout of exactly a commit, a home and a temporary folder of their own.

    `purpose` is what they are there for. They are given the outputs of `state`; from here on sensitive ones are hidden in what the job says.
    """
    organization, access = job.repository.organization, job.repository.organization.access()
    job.redact.learn(access.hiding(state))
    with (
        organization.sign_in(job.holder(), credentials_of(purpose), access.environment) as environment,
        _place(job, commit, state, purpose, environment) as place,
    ):
        yield place


@contextmanager
def _place(
    job: Job, commit: str, state: State | None, purpose: Purpose, environment: Mapping[str, str]
) -> Iterator[Place]:
    services, identity = job.services, job.environment.id
    folder = services.layout.private(services.layout.steps(identity))
    # Whatever earlier steps left here, also folders without permissions, is gone or put aside before git
    # writes here.
    before = tidy([folder])
    services.git.checkout(identity.repository_id, commit, folder / "checkout")
    for aside in sorted(set(folder.glob(f"{ASIDE}*")) - set(before)):
        services.record(
            identity, "put-aside", f"What an earlier step left {sentence(aside)}", lease=job.lease
        )
    # After the checkout: submodules and Git LFS files are found by what it holds.
    services.git.complete(job.repository.remote(), commit, folder / "checkout")
    given = {
        **environment,
        **_identity(job.environment, commit),
        "ENVMGR_OUTPUTS": str(folder / "outputs.json"),
    }
    outputs = state.outputs if state is not None else {}
    _write_outputs(outputs, folder / "outputs.json")
    variables, remarks = _as_variables(outputs)
    try:
        yield Place(
            checkout=folder / "checkout",
            folder=job.repository.folder,
            home=folder / "home",
            temporary=folder / "tmp",
            cache=services.layout.step_cache(identity),
            environment=given,
            outputs=variables,
            remarks=remarks,
            limits=job.repository.step_limits,
            sandbox=job.repository.organization.sandbox,
            cage=job.repository.cage,
            purpose=purpose,
            readable=(folder / "outputs.json",),
            outside=made(job.repository.cage, identity),
        )
    finally:
        # Both may hold sensitive values.
        sweep(folder / "outputs.json", folder / "tmp")


def _runner(services: Services, step: Step) -> Deployer:
    match step.run:
        case Site():
            return services.sites
        case Zip():
            return services.zips
        case _:
            return services.steps


def _filled(run: Command | Site | Zip, outputs: Mapping[str, Output]) -> Command | Site | Zip:
    """What a deployer is to do, with the outputs in its texts; a command has them in its environment."""
    match run:
        case Site():
            return replace(
                run,
                bucket=fill(run.bucket, outputs),
                storage_account=fill(run.storage_account, outputs),
                container=fill(run.container, outputs),
            )
        case Zip():
            return replace(
                run,
                function=fill(run.function, outputs),
                app_service=fill(run.app_service, outputs),
            )
        case _:
            return run


def _identity(environment: Environment, commit: str) -> dict[str, str]:
    """Which environment it is, as steps are told; a branch's undecodable bytes are given as they are."""
    return {
        "ENVMGR_ORGANIZATION": environment.id.organization,
        "ENVMGR_REPOSITORY": environment.id.repository,
        "ENVMGR_BRANCH": environment.branch,
        "ENVMGR_ENVIRONMENT": environment.id.name,
        "ENVMGR_COMMIT": commit,
        **({"ENVMGR_PULL_REQUEST": str(number)} if (number := environment.origin.number) else {}),
        **({"ENVMGR_APPLICATION": environment.id.application} if environment.id.application else {}),
    }


def _write_outputs(outputs: Mapping[str, Output], file: Path) -> None:
    """All outputs as JSON in a private file."""
    clear(file)  # an earlier step may have left a folder of that name
    write_private(file, json.dumps({name: output.value for name, output in outputs.items()}))


def _as_variables(outputs: Mapping[str, Output]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Each output as a variable, text as it is and all else as JSON; of two that would share one neither, with a remark."""
    named: dict[str, list[str]] = {}
    for name in outputs:
        named.setdefault(f"ENVMGR_OUTPUT_{_OTHER.sub('_', name.upper())}", []).append(name)
    return (
        {variable: _text(outputs[names[0]].value) for variable, names in named.items() if len(names) == 1},
        tuple(
            f"{variable} is not set: the outputs {' and '.join(names)} would share it; all are in $ENVMGR_OUTPUTS."
            for variable, names in named.items()
            if len(names) > 1
        ),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
