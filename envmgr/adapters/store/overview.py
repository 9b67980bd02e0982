"""What `list` shows of environments, read without what takes long: ten thousand are there at once.

SQL as both databases take it, and only the columns that are shown: SQLAlchemy alone takes longer to load than the rest
takes in all. What is written, and all else that is read, goes by `schema` and `records`; a contract test holds the two together.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.environment import (
    NO_FAILURE,
    NO_HOLD,
    NOTHING_APPLIED,
    Absence,
    Applied,
    Environment,
    Failure,
    Guard,
    Hold,
    Lease,
    Life,
    RepositoryState,
    Status,
    Suspended,
    Suspension,
)
from envmgr.domain.values.environment.origin import FROM_BRANCH, Origin, OriginKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId

from . import codec
from .names import REVISIONS, place_of_file
from .pipeline.proposal_codec import load_proposal

if TYPE_CHECKING:  # loaded where there are such: most lists say nothing of them
    from envmgr.domain.values.forge.telling import Untold
    from envmgr.domain.values.hosts.host import Host, Standing

Ask = Callable[[str, Mapping[str, str]], Iterable[Sequence[Any]]]
"""Asks a database: a query with `:name` where a value stands, and the values."""

# Of the claim only what it warns of is shown, which hardly any does: the text of all others need not be carried along.
_ENVIRONMENTS = """
SELECT organization, repository, name, application, branch, "commit", status, message, absences, absent_since,
  applied_commit, url, suspended, suspended_by, hold, approved, created_at, pushed_at, expires_at, warned_at, updated_at,
  pin, drift, deployment, health, tests, silent_since, suspended_at, failures, failed_on, retry_at, proposal,
  origin, named, number, origin_url, promoted_from,
  CASE WHEN claim LIKE '%"untaken":%' THEN claim END
FROM {} WHERE {} ORDER BY organization, repository, name, application
"""
_REPOSITORIES = "SELECT organization, name, succeeded_at, error FROM repositories WHERE error <> ''"
_HOSTS = """
SELECT process, version, schema, serves, draining, ahead, started_at, beat_at, configurations FROM hosts
WHERE NOT forgotten ORDER BY id
"""
_REFUSALS = "SELECT process, version, why, beat_at FROM refusals ORDER BY id, boot"
_CONFIGURATIONS = "SELECT organization, digest, since FROM configurations"
_LEASES = """
SELECT organization, repository, name, application, generation, owner, purpose, acquired_at, expires_at FROM leases
WHERE owner IS NOT NULL ORDER BY organization, repository, name, application
"""
_UNTOLD = """
SELECT organization, repository, error, MIN(since), COUNT(*) FROM tellings
WHERE said <> digest AND error <> '' GROUP BY organization, repository, error ORDER BY MIN(since), error
"""
_NOW = "SELECT to_char(timezone('UTC', clock_timestamp()), :form)"
_FREEZES = 'SELECT organization, repository, in_file, reason, "by", since, until FROM freezes'
# With the few organizations named, the primary key leads to the repository; its name alone would read the whole table.
_OF_REPOSITORY = (
    "organization IN (SELECT DISTINCT organization FROM environments) AND repository = :repository"
)
_OF_CHOSEN = "organization = o AND repository = r AND name = n"
_OF_BOTH = "organization = :organization AND repository = :repository"

_BRANCH = OriginKind.BRANCH.value
_STATUSES = {status.value: status for status in Status}
_GUARDS: Mapping[str | None, Guard | None] = {None: None, **{guard.value: guard for guard in Guard}}
_SUSPENSIONS: Mapping[str | None, Suspension | None] = {None: None, **{by.value: by for by in Suspension}}


@dataclass(frozen=True, slots=True)
class Overview:
    """The environments by name, each with what `list` shows of it and nothing else; repositories whose last look failed; and freezes.

    Also how all hosts stand, and what forges could not be told.
    """

    environments: Sequence[Environment]
    unreachable: Mapping[RepositoryId, RepositoryState]
    freezes: Sequence[Freeze] = ()
    hosts: "Sequence[Standing]" = ()
    untold: "Mapping[RepositoryId, Sequence[Untold]]" = field(default_factory=dict)


def overview(ask: Ask, chosen: str | None, destroyed: bool, *, is_shared: bool = False) -> Overview:
    """Of the repositories called `chosen` (`shop` or `acme/shop`), or of all; destroyed ones only on request.

    Where several hosts share the database (`is_shared`), it is by its clock that they are silent.
    """
    organization, _, repository = (chosen or "").rpartition("/")
    conditions = [] if chosen is None else [_OF_BOTH if organization else _OF_REPOSITORY]
    conditions += [] if destroyed else [f"status <> '{Status.DESTROYED}'"]
    values = {"organization": organization, "repository": repository}
    named = {name: value for name, value in values.items() if f":{name}" in " ".join(conditions)}
    rows = ask(_ENVIRONMENTS.format("environments", " AND ".join(conditions) or "0 = 0"), named)
    return Overview(
        [_environment(row) for row in rows],
        dict(_unreachable(ask, chosen)),
        [_freeze(row) for row in ask(_FREEZES, {})],
        _hosts(ask, is_shared=is_shared),
        _untold(ask, chosen),
    )


def _hosts(ask: Ask, *, is_shared: bool) -> "Sequence[Standing]":
    rows = list(ask(_HOSTS, {}))
    if not rows:
        return []
    from envmgr.domain.rules.hosts.standing import refused, standings, with_refused

    now = datetime.now(UTC)
    if is_shared:
        ((there,),) = ask(_NOW, {"form": codec.AS_MOMENT})
        now = datetime.fromisoformat(there)
    since = {(name, digest): datetime.fromisoformat(at) for name, digest, at in ask(_CONFIGURATIONS, {})}
    hosts = [_host(row, since, now) for row in rows]
    held = [_lease(row) for row in ask(_LEASES, {})]
    # Only one release's schema fits what is read here; and where one host has a database alone, the others are of before.
    others = [
        refused(codec.load_process(process), version, why, at, now - at)
        for process, version, why, beat_at in ask(_REFUSALS, {})
        for at in (datetime.fromisoformat(beat_at),)
    ]
    return standings(with_refused(hosts, others), REVISIONS[-1], hosts if is_shared else (), held)


def _host(row: Sequence[Any], since: Mapping[tuple[str, str], datetime], now: datetime) -> "Host":
    from envmgr.domain.values.hosts.host import Configured, Host

    process, version, schema, serves, draining, ahead, started_at, beat_at, configurations = row
    beat = datetime.fromisoformat(beat_at)
    return Host(
        process=codec.load_process(process),
        version=version,
        schema=schema,
        serves=bool(serves),
        draining=bool(draining),
        ahead=timedelta(seconds=ahead),
        started_at=datetime.fromisoformat(started_at),
        beat_at=beat,
        silence=now - beat,
        configurations={
            name: Configured(digest=digest, since=since[name, digest])
            for name, digest in codec.load_json(configurations).items()
            if (name, digest) in since
        },
    )


def _lease(row: Sequence[Any]) -> Lease:
    *identity, generation, owner, purpose, acquired_at, expires_at = row
    return Lease(
        environment=EnvironmentId(*identity),
        generation=generation,
        owner=codec.load_process(owner),
        purpose=codec.load_text(purpose) or "",
        acquired_at=datetime.fromisoformat(acquired_at),
        expires_at=datetime.fromisoformat(expires_at),
    )


def _untold(ask: Ask, chosen: str | None) -> "Mapping[RepositoryId, Sequence[Untold]]":
    rows = list(ask(_UNTOLD, {}))
    if not rows:
        return {}
    from envmgr.domain.values.forge.telling import Untold

    told = defaultdict[RepositoryId, list[Untold]](list)
    for organization, repository, error, since, count in rows:
        found = RepositoryId(organization, repository)
        if chosen in (None, repository, str(found)):
            told[found].append(Untold(codec.load_text(error) or "", datetime.fromisoformat(since), count))
    return told


def of_keys(ask: Ask, keys: Sequence[tuple[str, str, str]]) -> Sequence[Environment]:
    """The same of some environments alone, by organization, repository and name."""
    if not keys:
        return []
    values = {f"{part}{i}": key[n] for i, key in enumerate(keys) for n, part in enumerate("orn")}
    named = ", ".join(f"(:o{i}, :r{i}, :n{i})" for i in range(len(keys)))
    # A join, by which SQLite looks each key up; with `IN` it reads the whole table in the order that is asked for.
    chosen = f"WITH chosen (o, r, n) AS (VALUES {named})"
    query = _ENVIRONMENTS.format("chosen CROSS JOIN environments", _OF_CHOSEN)
    return [_environment(row) for row in ask(chosen + query, values)]


def _unreachable(ask: Ask, chosen: str | None) -> Iterable[tuple[RepositoryId, RepositoryState]]:
    for organization, name, succeeded_at, error in ask(_REPOSITORIES, {}):
        found = RepositoryId(organization, name)
        if chosen in (None, name, str(found)):
            state = RepositoryState(
                succeeded_at=codec.load_moment(succeeded_at), error=codec.load_text(error) or ""
            )
            yield found, state


def _freeze(row: Sequence[Any]) -> Freeze:
    organization, repository, in_file, reason, by, since, until = row
    return Freeze(
        organization=organization,
        repository=repository or None,
        reason=codec.load_text(reason) or "",
        by=codec.load_text(by) or "",
        since=datetime.fromisoformat(since),
        until=codec.load_moment(until),
        in_file=bool(in_file),
    )


def _environment(row: Sequence[Any]) -> Environment:
    # Of ten thousand rows hardly one has most of this: what is not there costs no call.
    organization, repository, name, application, branch, commit, status, message, *rest = row
    absences, absent_since, applied, url, suspended, suspended_by, hold, approved, *rest = rest
    created_at, pushed_at, expires_at, warned_at, updated_at, pin, drift, deployment, health, tests, *rest = (
        rest
    )
    silent_since, suspended_at, failures, failed_on, retry_at, proposal, *rest = rest
    origin, named, number, origin_url, promoted_from, claim = rest
    moment, text = datetime.fromisoformat, codec.load_text
    is_applied = applied is not None or url is not None or promoted_from is not None
    return Environment(
        id=EnvironmentId(organization, repository, name, application),
        branch=text(branch) or "",
        origin=FROM_BRANCH
        if origin == _BRANCH and not named and number is None and origin_url is None
        else Origin(OriginKind(origin), bool(named), number, text(origin_url)),
        commit=commit,
        status=_STATUSES[status],
        message=text(message) or "" if message else "",
        absence=Absence(since=moment(absent_since), count=absences) if absent_since else None,
        applied=Applied(commit=applied, url=text(url), promoted_from=text(promoted_from))
        if is_applied
        else NOTHING_APPLIED,
        silent_since=moment(silent_since) if silent_since else None,
        suspended=Suspended(
            text(suspended) or "", _SUSPENSIONS[suspended_by], at=codec.load_moment(suspended_at)
        )
        if suspended
        else None,
        failure=Failure(failures, failed_on, codec.load_moment(retry_at))
        if failures or retry_at or failed_on
        else NO_FAILURE,
        hold=Hold(_GUARDS[hold], _GUARDS[approved]) if hold or approved else NO_HOLD,
        life=Life(
            created_at=moment(created_at),
            pushed_at=moment(pushed_at) if pushed_at else None,
            expires_at=moment(expires_at) if expires_at else None,
            warned_at=moment(warned_at) if warned_at else None,
        ),
        updated_at=moment(updated_at),
        pin=codec.load_pin(pin) if pin else None,
        drift=codec.load_drift(drift) if drift else None,
        deployment=codec.load_deployment(deployment) if deployment else None,
        health=codec.load_health(health) if health else None,
        tests=codec.load_tests(tests) if tests else None,
        proposal=load_proposal(proposal) if proposal else None,
        claim=codec.load_claim(claim) if claim else None,
    )


@dataclass(frozen=True, slots=True)
class AtOnce:
    """An overview that was to be had without opening the store, and of which database it is."""

    found: Overview
    identity: str
    place: str


def at_once(file: Path, chosen: str | None, destroyed: bool) -> AtOnce | None:
    """The overview from SQLite's file, where that is as a store leaves it; None where anything is to be done or said first.

    A file that is not there, is not ours alone, of an earlier release, busy or broken: whoever opens the store makes
    that, mends it, or says what is wrong.
    """
    try:
        if not _is_ready(file):
            return None
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=1, uri=True)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")  # all of one state
            if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(REVISIONS[-1],)]:
                return None
            ((identity,),) = connection.execute("SELECT id FROM identity").fetchall()
            return AtOnce(overview(connection.execute, chosen, destroyed), identity, place_of_file(file))
    except (OSError, sqlite3.Error, ValueError):
        return None


def _is_ready(file: Path) -> bool:
    if not file.is_file() or file.stat().st_mode & 0o077:
        return False
    effective = os.access in os.supports_effective_ids
    return all(os.access(path, os.R_OK | os.W_OK, effective_ids=effective) for path in (file, file.parent))
