"""A small company's environments on an ordinary day: something of everything that the page can show."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

from envmgr import __version__
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    Changes,
    Claim,
    Environment,
    Event,
    Guard,
    Output,
    ProcessId,
    RepositoryState,
    Run,
    RunKind,
    RunStatus,
    Source,
    SourceKind,
    Status,
    Suspension,
)
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.hosts.host import Report
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.tags import tags_for
from envmgr.ports import Store
from tests.support.records import recorded

HOST = ProcessId("worker-1", "boot", 4242, 1)
OTHERS = tuple(
    ProcessId(f"build-{n}", f"boot of {n}", 700 + n, 1, sha1(str(n).encode()).hexdigest()) for n in (1, 2)
)
"""Two more hosts; the second one is drained."""
SHOP, PORTAL, BILLING = (RepositoryId("acme", name) for name in ("shop", "portal", "billing"))
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def commit_of(text: str) -> str:
    """A commit that looks like one."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


def fill(store: Store, data_dir: Path, now: datetime) -> None:
    """Writes the company's records, and the logs of its runs."""
    for repository in (SHOP, PORTAL, BILLING):
        new = tuple(e for e in _environments(now) if e.id.repository_id == repository)
        store.revise(repository, lambda _, new=new: Observed(new=new))  # type: ignore[misc]
    store.save_repository(SHOP, RepositoryState(default_branch="main", polled_at=now, succeeded_at=now))
    store.save_repository(PORTAL, RepositoryState(default_branch="main", polled_at=now, succeeded_at=now))
    error = "Host key verification failed; is the known_hosts entry of git.acme.example still right?"
    seen = now - 3 * _HOUR
    store.save_repository(
        BILLING, RepositoryState(polled_at=now, succeeded_at=seen, failures=12, error=error)
    )
    for run in _runs(now):
        _write(store, data_dir, run)
    for event in _events(now):
        store.record(event)
    live(store, now)
    store.hosts.drain(OTHERS[1].machine, draining=True)


def live(store: Store, now: datetime) -> None:
    """Has the other hosts say that they are there: half a minute later they are silent."""
    for each in OTHERS:
        store.hosts.beat(Report(process=each, version=__version__, serves=True), now, lambda _: False)


def _environments(now: datetime) -> Iterator[Environment]:
    def made(
        repository: RepositoryId, name: str, status: Status, age: timedelta, **facts: object
    ) -> Environment:
        identity = EnvironmentId(
            repository.organization, repository.name, name, str(facts.pop("application", ""))
        )
        commit = commit_of(name)
        url = f"https://{name}.{repository.name}.acme.example" if not identity.application else None
        known: dict[str, Any] = {
            "id": identity,
            "branch": f"env-{name}",
            "commit": commit,
            "status": status,
            "claim": _claim(identity, commit),
            "applied_commit": commit,
            "outputs": {
                "url": Output(url),
                "database_password": Output(None, sensitive=True),
                "zones": Output(["eu-west-1a", "eu-west-1b"]),
            },
            "resources": (
                "aws_vpc.main",
                "aws_instance.web[0]",
                "aws_instance.web[1]",
                "aws_db_instance.main",
            ),
            "url": url,
            "created_at": now - 9 * age,
            "pushed_at": now - age,
            "updated_at": now - age,
        }
        return recorded(**{**known, **facts})

    yield made(
        SHOP,
        "alice",
        Status.READY,
        2 * _HOUR,
        health=_health(Condition.HEALTHY, now - 2 * _HOUR),
        drift=Drift(tried_at=now, checked_at=now - 20 * _MINUTE),
        deployment=Deployment(commit=commit_of("alice")),
        expires_at=now + 3 * _DAY,
    )
    yield made(
        SHOP,
        "bob",
        Status.FAILED,
        40 * _MINUTE,
        commit=commit_of("bob 2"),
        failures=3,
        message="Terraform could not create aws_db_instance.main: DBInstanceAlreadyExists. Name it otherwise, or import it.",
    )
    yield made(
        SHOP,
        "carol",
        Status.WAITING,
        25 * _MINUTE,
        hold=Guard.MASS_DESTROY,
        absences=2,
        absent_since=now - _HOUR,
        message="12 environments of acme are to be destroyed at once, and max_at_once is 5: `envmgr approve` lets it go on.",
    )
    yield made(SHOP, "dave", Status.RUNNING, 2 * _MINUTE, commit=commit_of("dave 2"), message="Applying.")
    yield made(
        SHOP,
        "erin",
        Status.DEGRADED,
        5 * _HOUR,
        health=_health(
            Condition.UNHEALTHY, now - 12 * _MINUTE, "HTTP 503 from https://erin.shop.acme.example/health"
        ),
        message="It is not healthy: HTTP 503 from https://erin.shop.acme.example/health",
    )
    yield made(
        SHOP,
        "frank",
        Status.SUSPENDED,
        2 * _DAY,
        suspended="Suspended by frank; `envmgr resume acme/shop/frank` manages it again.",
        suspended_by=Suspension.PERSON,
        suspended_at=now - 2 * _DAY,
        message="Suspended by frank; `envmgr resume acme/shop/frank` manages it again.",
    )
    yield made(
        SHOP,
        "grace",
        Status.PENDING,
        _MINUTE,
        claim=None,
        applied_commit=None,
        outputs={},
        resources=(),
        url=None,
    )
    yield made(SHOP, "heidi", Status.DESTROYING, 3 * _MINUTE, absences=2, absent_since=now - _HOUR)
    yield made(
        SHOP,
        "ivan",
        Status.READY,
        3 * _DAY,
        expires_at=now + 5 * _HOUR,
        drift=Drift(
            tried_at=now - _HOUR,
            checked_at=now - _HOUR,
            differences=(
                Difference(address="aws_instance.web[0]", action="update", attributes={"tags": "x"}),
            ),
        ),
    )
    needs: dict[str, dict[str, int]] = {
        "database": {},
        "queue": {},
        "api": {"database": 3, "queue": 1},
        "worker": {"database": 3, "queue": 1},
        "web": {"api": 7},
    }
    for application, needed in needs.items():
        identity = EnvironmentId("acme", "portal", "judy", application)
        yield made(
            PORTAL,
            "judy",
            Status.FAILED if application == "worker" else Status.READY,
            _HOUR,
            application=application,
            claim=replace(_claim(identity, commit_of("judy")), needs=needed),
            url="https://judy.portal.acme.example" if application == "web" else None,
            retry_at=now + 10 * _MINUTE if application == "worker" else None,
            message="Step migrate failed (exit 1): connection refused" if application == "worker" else "",
        )
    for number, name in enumerate(("kim", "leo", "mallory", "nina", "oscar", "peggy", "quentin", "rupert")):
        yield made(
            BILLING, name, Status.READY, (number + 1) * 7 * _HOUR, expires_at=now + (number + 2) * _DAY
        )


def _health(condition: Condition, since: datetime, message: str = "") -> Health:
    return Health(
        check=HealthCheck(url="{outputs.url}/health"), condition=condition, since=since, message=message
    )


def _claim(identity: EnvironmentId, commit: str) -> Claim:
    return Claim(
        commit=commit,
        source=Source(SourceKind.DIRECTORY, "terraform", "d" * 40, "terraform"),
        variables={"environment": identity.name, "size": "small", "zones": ["eu-west-1a", "eu-west-1b"]},
        tags=tags_for(identity, f"env-{identity.name}"),
        terraform_version="1.11.4",
        backend=("local", {"path": "/nowhere/states"}),
        fingerprint="f" * 64,
    )


def _runs(now: datetime) -> Sequence[Run]:
    """In the order they began, so that the store numbers them so."""

    def ran(
        name: str,
        kind: RunKind,
        status: RunStatus,
        before: timedelta,
        took: timedelta,
        message: str = "",
        **more: object,
    ) -> Run:
        repository = PORTAL if name == "judy" else SHOP if name in _OF_SHOP else BILLING
        identity = EnvironmentId("acme", repository.name, name, str(more.pop("application", "")))
        begin = now - before
        return Run(
            id=0,
            environment=identity,
            kind=kind,
            commit=commit_of(name),
            status=status,
            started_at=begin,
            finished_at=None if status is RunStatus.RUNNING else begin + took,
            owner=HOST,
            actor=f"push (author {name.capitalize()})",
            message=message,
            changes=more.get("changes"),  # type: ignore[arg-type]
        )

    apply, deploy, ok = RunKind.APPLY, RunKind.DEPLOY, RunStatus.SUCCEEDED
    found = [
        ran(
            "alice",
            apply,
            ok,
            20 * _HOUR,
            6 * _MINUTE,
            "Applied: 4 added, 0 changed, 0 destroyed.",
            changes=Changes(4, 0, 0),
        ),
        ran("alice", deploy, ok, 20 * _HOUR - 6 * _MINUTE, 2 * _MINUTE, "Deployed: build, start."),
        ran(
            "ivan",
            RunKind.DRIFT,
            ok,
            _HOUR,
            40 * timedelta(seconds=1),
            "One resource differs.",
            changes=Changes(0, 1, 0),
        ),
        ran(
            "bob",
            apply,
            RunStatus.FAILED,
            3 * _HOUR,
            9 * _MINUTE,
            "Terraform could not create aws_db_instance.main.",
        ),
        ran(
            "bob",
            apply,
            RunStatus.FAILED,
            2 * _HOUR,
            9 * _MINUTE,
            "Terraform could not create aws_db_instance.main.",
        ),
        ran(
            "bob",
            apply,
            RunStatus.FAILED,
            50 * _MINUTE,
            9 * _MINUTE,
            "Terraform could not create aws_db_instance.main.",
            changes=Changes(1, 0, 0),
        ),
        ran(
            "erin",
            apply,
            ok,
            5 * _HOUR,
            14 * _MINUTE,
            "Applied: 0 added, 2 changed, 0 destroyed.",
            changes=Changes(0, 2, 0),
        ),
        ran(
            "erin", deploy, RunStatus.INTERRUPTED, 4 * _HOUR, 5 * _MINUTE, "Interrupted: envmgr was stopped."
        ),
        ran("erin", deploy, ok, 3 * _HOUR, 5 * _MINUTE, "Deployed: build, start."),
        ran("judy", apply, ok, 70 * _MINUTE, 12 * _MINUTE, application="database"),
        ran("judy", apply, ok, 58 * _MINUTE, 7 * _MINUTE, application="api"),
        ran(
            "judy",
            deploy,
            RunStatus.FAILED,
            50 * _MINUTE,
            2 * _MINUTE,
            "Step migrate failed (exit 1).",
            application="worker",
        ),
        ran("kim", apply, ok, 7 * _HOUR, 31 * _MINUTE),
        ran("leo", apply, ok, 14 * _HOUR, 22 * _MINUTE),
        ran("mallory", RunKind.PLAN, RunStatus.SUPERSEDED, 21 * _HOUR, 4 * _MINUTE),
        ran(
            "alice",
            apply,
            ok,
            2 * _HOUR,
            4 * _MINUTE,
            "Applied: 1 added, 1 changed, 0 destroyed.",
            changes=Changes(1, 1, 0),
        ),
        ran("alice", deploy, ok, 2 * _HOUR - 4 * _MINUTE, 3 * _MINUTE, "Deployed: build, start."),
        ran("heidi", RunKind.DESTROY, RunStatus.RUNNING, 3 * _MINUTE, _MINUTE, changes=Changes(0, 0, 4)),
        ran("dave", apply, RunStatus.RUNNING, 2 * _MINUTE, _MINUTE, changes=Changes(4, 0, 0)),
    ]
    return sorted(found, key=lambda run: run.started_at)


_OF_SHOP = frozenset(("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"))


def _write(store: Store, data_dir: Path, run: Run) -> None:
    begun = store.start_run(
        run.environment,
        run.kind,
        run.commit,
        HOST,
        run.actor,
        run.started_at,
        lambda number: f"logs/{number}.log",
    )
    path = data_dir / begun.log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in _log(run)), encoding="utf-8")
    if run.status is not RunStatus.RUNNING:
        store.finish_run(begun.id, run.status, run.finished_at or run.started_at, run.message, run.changes)


def _log(run: Run) -> Iterator[str]:
    at = run.started_at

    def said(text: str, seconds: int = 1) -> str:
        nonlocal at
        at += timedelta(seconds=seconds)
        return f"{at.isoformat()[:19]}Z {text}"

    if run.kind is RunKind.DEPLOY:
        yield said("step build")
        yield from (said(f"layer {number} of 6 is built") for number in range(1, 7))
        yield said("step migrate" if run.status is RunStatus.FAILED else "step start")
        if run.status is RunStatus.FAILED:
            yield said("psql: error: connection to server at 10.0.3.7 failed: Connection refused")
            yield said("step migrate: exit 1")
        return
    yield said("terraform init")
    yield said("Terraform 1.11.4")
    yield said("Initializing provider plugins...", 4)
    yield said("Terraform has been successfully initialized!", 6)
    yield said("terraform plan")
    yield from (said(f"{each}: Refreshing state...") for each in ("aws_vpc.main", "aws_instance.web[0]"))
    yield said("Plan: 1 to add, 0 to change, 0 to destroy.")
    yield said("terraform destroy" if run.kind is RunKind.DESTROY else "terraform apply")
    yield said("aws_db_instance.main: Creating...")
    yield from (said(f"aws_db_instance.main: Still creating... [{n}0s elapsed]", 10) for n in range(1, 9))
    if run.status is RunStatus.FAILED:
        yield said(
            "Error: creating RDS DB Instance (bob): DBInstanceAlreadyExists: DB instance already exists"
        )
    elif run.status is RunStatus.SUCCEEDED:
        yield said("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")


def _events(now: datetime) -> Iterator[Event]:
    def happened(name: str, before: timedelta, action: str, message: str, actor: str) -> Event:
        repository = "shop" if name in _OF_SHOP else "billing"
        where = EnvironmentId("acme", repository, name)
        return Event(at=now - before, environment=where, action=action, message=message, actor=actor)

    yield happened("alice", 20 * _HOUR, "pushed", "Branch env-alice moved to 522b276a35.", "git")
    yield happened(
        "alice",
        19 * _HOUR,
        "applied",
        "Applied 522b276a35: 4 added, 0 changed, 0 destroyed.",
        "push (author Alice)",
    )
    yield happened(
        "frank",
        10 * _HOUR,
        "suspended",
        "Suspended by frank; `envmgr resume acme/shop/frank` manages it again.",
        "person frank",
    )
    yield happened("kim", 7 * _HOUR, "extended", "Lives until 2026-12-03 08:00 UTC.", "person kim")
    yield happened(
        "bob",
        50 * _MINUTE,
        "failed",
        "Terraform could not create aws_db_instance.main: DBInstanceAlreadyExists.",
        "daemon",
    )
    yield happened(
        "carol", 25 * _MINUTE, "waiting", "12 environments of acme are to be destroyed at once.", "daemon"
    )
    yield happened(
        "erin", 12 * _MINUTE, "unhealthy", "HTTP 503 from https://erin.shop.acme.example/health", "daemon"
    )
    yield happened("dave", 2 * _MINUTE, "pushed", "Branch env-dave moved to 05a1ed7d23.", "git")
