"""What whole processes cost, with bounds that also hold on a busy machine; the benchmarks have the exact times."""

import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envmgr.composition.records import open_records
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.environment import Claim, Environment, Output, Source, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from tests.support.records import recorded

from .world import World

NUMBER = 5000


def least(world: World, *arguments: str, runs: int = 3) -> float:
    """The fewest seconds of CPU that a call took: what else the machine does makes it wait, but hardly costs it any."""
    return min(_seconds(world, *arguments) for _ in range(runs))


def _seconds(world: World, *arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert world.anew(*arguments).code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fill(world: World) -> None:
    """Puts many environments into the store."""
    store = open_records(world.config, world.data, {})
    now = datetime.now(UTC)
    for start in range(0, NUMBER, 500):
        repository = RepositoryId("acme", f"repository-{start}")
        environments = tuple(_environment(repository, number, now) for number in range(500))
        store.revise(repository, lambda _, new=environments: Observed(new=new, changed=()))  # type: ignore[misc]
    store.close()


def _environment(repository: RepositoryId, number: int, now: datetime) -> Environment:
    identity = EnvironmentId(repository.organization, repository.name, f"feature-{number}")
    claim = Claim(
        commit="a" * 40,
        source=Source(SourceKind.DIRECTORY, "terraform", "b" * 40, "terraform"),
        variables={"environment": identity.name},
        tags={"environment": identity.name},
        terraform_version="1.11.4",
        backend=("local", {"path": "/srv"}),
        fingerprint="c" * 64,
    )
    return recorded(
        id=identity,
        branch=f"env-{identity.name}",
        commit="a" * 40,
        status=Status.READY if number % 2 else Status.FAILED,
        message="" if number % 2 else "terraform apply failed at main.tf:3: the region is full",
        applied_commit="a" * 40,
        claim=claim,
        outputs={"url": Output(f"https://{identity.name}.example.com/")},
        url=f"https://{identity.name}.example.com/",
        created_at=now - timedelta(hours=number),
        updated_at=now,
    )


def test_help_is_there_at_once(tmp_path: Path) -> None:
    """50 ms on a quiet machine."""
    assert least(World.create(tmp_path), "--help", runs=5) < 0.5


def test_thousands_of_environments_are_listed_at_once(tmp_path: Path) -> None:
    """A quarter of a second on a quiet machine, as a table and as JSON; those of one repository in half of that."""
    world = World.create(tmp_path)
    fill(world)
    assert least(world, "list") < 1.5
    assert least(world, "list", "--json") < 1.5
    assert least(world, "list", "--repository", "repository-0") < 0.6
    assert len(world.ok("list", "--json").document) == NUMBER
    assert world.ok("list").out.count("\n") == NUMBER + 1


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        ("--help", ["envmgr.cli.verbs", "rich", "sqlalchemy", "pydantic", "structlog", "fastapi", "uvicorn"]),
        (
            "list",
            [
                *(
                    "sqlalchemy",
                    "pydantic",
                    "azure",
                    "boto3",
                    "git",
                    "rich",
                    "alembic",
                    "structlog",
                    "ruamel",
                ),
                *("fastapi", "starlette", "uvicorn", "jinja2", "authlib", "urllib3"),
            ],
        ),
    ],
)
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: str, forbidden: list[str]) -> None:
    """Which is what keeps it fast."""
    world = World.create(tmp_path)
    world.ok("list")  # the first one makes the database, by migrations
    code = (
        "import sys; from envmgr.cli import main; main(sys.argv[1:]);"
        "print('imported:', *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, arguments],
        env=world.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stderr.split("imported:")[1].split())
    assert not imported & set(forbidden)
