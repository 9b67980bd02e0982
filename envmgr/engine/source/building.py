"""What is built of a commit before it is planned: once for all environments that get it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from envmgr.domain.errors import NeedsPerson, RetryLater
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import RunKind, Status
from envmgr.domain.values.pipeline.build import Build
from envmgr.domain.values.pipeline.variables import LARGEST, NotUnderstood, parse_variables
from envmgr.domain.values.step import Step
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.newest import check_newest
from envmgr.host.leftovers import clear
from envmgr.host.strange import content
from envmgr.ports import Builds, Place

from .steps import place_of

_VARIABLES = "variables"


def built(job: Job, commit: str) -> Mapping[str, str]:
    """The input variables that a commit's build gives, from what was built before or from a build now.

    Steps for `code` run once for a commit, and are told nothing of any environment; all others run each time. Raises
    RetryLater while the same is being built for another environment, and what its steps raise.
    """
    shared = [step for step in job.repository.build if step.when == "code"]
    own = [step for step in job.repository.build if step.when != "code"]
    variables = _shared(job, shared, commit) if shared else {}
    if not own:
        return variables
    return {**variables, **_made(job, own, commit, variables, lambda *_: None)}


def _shared(job: Job, steps: Sequence[Step], commit: str) -> Mapping[str, str]:
    builds = job.services.store.pipeline.builds
    wanted = Build(
        key=_key(job, steps, commit),
        repository=job.repository.id,
        commit=commit,
        environment=job.environment.id,
        generation=job.lease.generation,
        began_at=job.services.clock(),
    )
    found = _claimed(job, builds, wanted)
    if found is not wanted:
        return found.variables

    def done(active: ActiveRun, variables: Mapping[str, str]) -> None:
        builds.finish(replace(wanted, built_at=job.services.clock(), run=active.run.id, variables=variables))

    try:
        return _made(job, steps, commit, {}, done)
    # Also where this process is being ended: others wait for this build.
    except BaseException:
        builds.give_up(wanted)
        raise


def _claimed(job: Job, builds: Builds, wanted: Build) -> Build:
    """The build that was done, or `wanted`, which is then to be made."""
    found = builds.claim(wanted, anew=job.mode.rebuilds)
    if found is not wanted and found.built_at is None and _is_over(job, found):
        found = builds.claim(wanted, over=found)
    if found is wanted or found.built_at is not None:
        return found
    raise RetryLater(
        f"{wanted.commit[:10]} is being built for {found.environment}: {job.environment.label} waits for that, and gets the same."
    )


def _is_over(job: Job, found: Build) -> bool:
    """Whether nobody makes a build any more that was begun: its environment is another's by now, or nobody's."""
    lease = job.services.store.leases(job.services.clock()).get(found.environment)
    if lease is None or lease.generation != found.generation:
        return True
    return job.services.processes.is_dead(lease.owner)


def _key(job: Job, steps: Sequence[Step], commit: str) -> str:
    """What a build is made from: all that its steps are given but credentials, which may be others each time."""
    return digest([str(job.repository.id), commit, [asdict(step) for step in steps]])


Done = Callable[[ActiveRun, Mapping[str, str]], None]


def _made(
    job: Job, steps: Sequence[Step], commit: str, known: Mapping[str, str], done: Done
) -> Mapping[str, str]:
    """Runs steps in a run of their own; what they give is told to `done` before the run ends."""
    status = Status.RUNNING if job.mode.may_have_changed else job.environment.status
    with job.run(RunKind.BUILD, commit, status, f"Builds {commit[:10]}.") as active:
        check_newest(job, commit, RunKind.BUILD)
        found: dict[str, str] = {}
        with _place(job, steps, commit) as place:
            for step in steps:
                found |= _run(job, active, step, place, {**known, **found})
        done(active, found)
        gives = ", ".join(f"{name} = {value}" for name, value in found.items())
        active.message = job.redact(f"Built {commit[:10]}{': ' if gives else ''}{gives}.")
    return found


@contextmanager
def _place(job: Job, steps: Sequence[Step], commit: str) -> Iterator[Place]:
    """A checkout without outputs; what is built for all environments is told of none."""
    with place_of(job, commit, None, Purpose.BUILD) as place:
        hidden = {"ENVMGR_ENVIRONMENT", "ENVMGR_BRANCH", "ENVMGR_APPLICATION", "ENVMGR_PULL_REQUEST"}
        if any(step.when != "code" for step in steps):
            hidden = set()
        given = {name: value for name, value in place.environment.items() if name not in hidden}
        file = place.temporary / _VARIABLES
        yield replace(place, folder=".", environment={**given, "ENVMGR_VARIABLES": str(file)})


def _run(
    job: Job, active: ActiveRun, step: Step, place: Place, known: Mapping[str, str]
) -> Mapping[str, str]:
    """Runs one step and reads what it gives."""
    file = place.temporary / _VARIABLES
    job.services.steps.run(step, place, active.watch())
    if not file.exists() and not file.is_symlink():
        return {}
    try:
        variables = _read(file, known)
    except NotUnderstood as error:
        raise NeedsPerson(
            f"What build step {step.name} wrote to $ENVMGR_VARIABLES cannot be used: {error}. Write a line NAME=VALUE for each variable."
        ) from error
    for name, value in variables.items():
        if job.redact(value) != value:
            raise NeedsPerson(
                f"Build step {step.name} gives {name} a secret: what a build gives is written down. Give Terraform the "
                f"secret by environment_variables (TF_VAR_{name})."
            )
    clear(file)
    return variables


def _read(file: Path, known: Mapping[str, str]) -> Mapping[str, str]:
    found = content(file, LARGEST)
    if found is None:
        raise NotUnderstood(f"it is no plain file of at most {LARGEST // 1024} KiB")
    return parse_variables(found, known)
