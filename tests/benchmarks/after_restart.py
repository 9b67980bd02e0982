"""A daemon's first look after it started: what is due of 10,000 environments, from the records in PostgreSQL."""

import os
from pathlib import Path

from envmgr.commands.runtime import Runtime
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.idle_pass import populated
from tests.benchmarks.interleaving import seconds
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.subject import Subject
from tests.support import postgres

SHAPES = ((1, 10_000), (50, 200))
"""Repositories, and environments in each."""
LIMIT = 10.0


def after_restart(laboratory: Laboratory) -> list[Comparison]:
    """Seconds until all are decided over, each time by a runtime that was composed anew."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    found = []
    for repositories, branches in SHAPES:
        place = laboratory.place(f"after-restart-{repositories}")
        with postgres.running_postgres(programs) as url:
            found.append(_measured(laboratory, _subject(laboratory, place, url), repositories, branches))
    return found


def _subject(laboratory: Laboratory, place: Path, url: str) -> Subject:
    (place / "key").write_text("k" * 32)
    (place / "key").chmod(0o600)
    (place / "daemon.yaml").write_text(
        f"daemon: {{database: '{url}', bundle_key: {{file: {place / 'key'}}}}}\n"
    )
    limits = {"environments": 10_000, "concurrency": 2, "health_networks": ["127.0.0.0/8"]}
    return Subject(place, terraform={"binary": laboratory.terraform}, limits=limits)


def _measured(laboratory: Laboratory, subject: Subject, repositories: int, branches: int) -> Comparison:
    try:
        populated(subject, repositories, branches)
        took = tuple(_looked(subject.restart()) for _ in range(laboratory.rounds))
    finally:
        subject.close()
    return Comparison(
        name=f"decision after a restart, {repositories} x {branches} environments",
        unit="s",
        ours=took,
        limit=LIMIT,
        relative=False,
        note=f"records in PostgreSQL, all ready; without the start of the process; load average {os.getloadavg()[0]:.1f}",
    )


def _looked(application: Runtime) -> float:
    def look() -> None:
        for repository in application.services.repositories.values():
            if application.workers.look(repository):
                raise RuntimeError(f"{repository.id} is not idle")

    return seconds(look)
