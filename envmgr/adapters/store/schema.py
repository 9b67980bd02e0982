"""The tables as the newest release knows them; `migrate` makes them, and `migrations/` make them of older ones.

A table's columns are named as the fields of its dataclass, after the columns of the environment's identity; a
column of a part of a record says so (`_of`). No table refers to another by a foreign key: history outlives what it tells of.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    false,
    text,
)

from envmgr.domain.audit.standing import Look
from envmgr.domain.values.asking.person import Action, Role
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.environment import Guard, RunKind, RunStatus, Status, Suspension
from envmgr.domain.values.environment.origin import OriginKind
from envmgr.domain.values.names import EnvironmentId

from . import codec
from .columns import KEY, encoded, free_text, moment, word
from .forge.hook_tables import hints_table, positions_table
from .forge.tables import pull_requests_table, tellings_table
from .hosts.tables import left_states_table, tables_of_hosts
from .pipeline.proposal_codec import dump_proposal, load_proposal

FIELD = "field"
"""What a column's `info` calls the field of the record that it keeps."""

metadata = MetaData()

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER numbers rows by itself in SQLite

_ENVIRONMENT = ("organization", "repository", "name", "application")


def _identity() -> tuple[Column[str], ...]:
    """The columns that name an environment; `application` is empty where it has no applications."""
    *names, application = _ENVIRONMENT
    last: Column[str] = Column(application, KEY, nullable=False, server_default=text("''"))
    return (*(Column(name, KEY, nullable=False) for name in names), last)


def _primary_key(table: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*_ENVIRONMENT, name=f"{table}_pkey")


def _of(path: str) -> dict[str, str]:
    """Where in an `Environment` a column's value is, where that is not the field of the column's name: `part.field`."""
    return {FIELD: path}


environments = Table(
    "environments",
    metadata,
    *_identity(),
    Column("branch", free_text(), nullable=False),
    Column("commit", KEY, nullable=False),
    Column("status", word(Status), nullable=False),
    Column("message", free_text(), nullable=False),
    Column("absences", Integer, nullable=False, info=_of("absence.count")),
    Column("absent_since", moment(), info=_of("absence.since")),
    Column("refused", free_text(), nullable=False),
    Column("claim", encoded(codec.dump_claim, codec.load_claim)),
    Column("applied_commit", KEY, info=_of("applied.commit")),
    Column("applied_fingerprint", KEY, info=_of("applied.fingerprint")),
    Column("applied_inputs", KEY, info=_of("applied.inputs")),
    Column(
        "outputs",
        encoded(codec.dump_outputs, codec.load_outputs),
        nullable=False,
        info=_of("applied.outputs"),
    ),
    Column(
        "resources",
        encoded(codec.dump_resources, codec.load_resources),
        nullable=False,
        info=_of("applied.resources"),
    ),
    Column("url", free_text(), info=_of("applied.url")),
    Column("suspended", free_text(), nullable=False, info=_of("suspended.reason")),
    Column("suspended_commit", KEY, info=_of("suspended.over")),
    Column("hold", word(Guard), info=_of("hold.guard")),
    Column("approved", word(Guard), info=_of("hold.approved")),
    Column("failures", Integer, nullable=False, info=_of("failure.count")),
    Column("failed_on", KEY, nullable=False, info=_of("failure.on")),
    Column("retry_at", moment(), info=_of("failure.retry_at")),
    Column("expires_at", moment(), info=_of("life.expires_at")),
    Column("pushed_at", moment(), info=_of("life.pushed_at")),
    Column("created_at", moment(), nullable=False, info=_of("life.created_at")),
    Column("updated_at", moment(), nullable=False),
    Column("suspended_by", word(Suspension), info=_of("suspended.by")),
    Column("resumed_at", moment(), info=_of("life.resumed_at")),
    Column("warned_at", moment(), info=_of("life.warned_at")),
    Column("pin", encoded(codec.dump_pin, codec.load_pin)),
    Column("schedule", encoded(codec.dump_schedule, codec.load_schedule)),
    Column("drift", encoded(codec.dump_drift, codec.load_drift)),
    Column("deployment", encoded(codec.dump_deployment, codec.load_deployment)),
    Column("health", encoded(codec.dump_health, codec.load_health)),
    Column("serial", BigInteger, info=_of("applied.serial")),
    Column("ending", Boolean, nullable=False, server_default=false()),
    Column(
        "identifiers", encoded(codec.dump_resources, codec.load_resources), info=_of("applied.identifiers")
    ),
    Column("writes", BigInteger, nullable=False, server_default=text("0")),
    Column("waits", encoded(codec.dump_waits, codec.load_waits)),
    Column("silent_since", moment()),
    Column("suspended_at", moment(), info=_of("suspended.at")),
    Column(
        "origin", word(OriginKind), nullable=False, server_default=text("'branch'"), info=_of("origin.kind")
    ),
    Column("named", Boolean, nullable=False, server_default=false(), info=_of("origin.is_named")),
    Column("number", Integer, info=_of("origin.number")),
    Column("origin_url", free_text(), info=_of("origin.url")),
    Column("tests", encoded(codec.dump_tests, codec.load_tests)),
    Column("tagged", encoded(codec.dump_tagged, codec.load_tagged)),
    Column("promoted_from", free_text(), info=_of("applied.promoted_from")),
    Column("proposal", encoded(dump_proposal, load_proposal)),
    Column("origin_ref", free_text(), info=_of("origin.ref")),
    Column(
        "changed",
        encoded(codec.dump_actions, codec.load_actions),
        nullable=False,
        server_default=text("'[]'"),
        info=_of("applied.changed"),
    ),
    _primary_key("environments"),
)
# What was written of late is asked for every second.
Index("environments_updated", environments.c.updated_at)
Index("environments_status", *(environments.c[n] for n in ("status", "organization", "repository", "name")))

# A row stays when the lease is given back (owner NULL) and when the environment is pruned, so that
# the generation of a name never goes back.
leases = Table(
    "leases",
    metadata,
    *_identity(),
    Column("generation", BigInteger, nullable=False),
    Column("owner", encoded(codec.dump_process, codec.load_process)),
    Column("purpose", free_text(), nullable=False),
    Column("acquired_at", moment(), nullable=False),
    Column("expires_at", moment(), nullable=False),
    Column("placed", Boolean, nullable=False, server_default=false()),
    _primary_key("leases"),
)
Index("leases_expiry", leases.c.expires_at)

runs = Table(
    "runs",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    *_identity(),
    Column("kind", word(RunKind), nullable=False),
    Column("commit", KEY, nullable=False),
    Column("status", word(RunStatus), nullable=False),
    Column("started_at", moment(), nullable=False),
    Column("owner", encoded(codec.dump_process, codec.load_process), nullable=False),
    Column("actor", free_text(), nullable=False),
    Column("child", encoded(codec.dump_process, codec.load_process)),
    Column("lock_id", KEY),
    Column("finished_at", moment()),
    Column("changes", encoded(codec.dump_changes, codec.load_changes)),
    Column("message", free_text(), nullable=False),
    Column("log", free_text(), nullable=False),
    sqlite_autoincrement=True,  # an id is never given twice, not even after pruning
)
Index("runs_environment", *(runs.c[n] for n in (*_ENVIRONMENT, "id")))
Index("runs_status", runs.c.status, runs.c.id)
# For pruning, which else reads all runs.
Index("runs_finished", runs.c.finished_at)

events = Table(
    "events",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("organization", KEY),
    Column("repository", KEY),
    Column("name", KEY),
    Column("application", KEY),
    Column("at", moment(), nullable=False),
    Column("action", KEY, nullable=False),
    Column("message", free_text(), nullable=False),
    Column("actor", free_text(), nullable=False),
    Column("commit", KEY),
    Column("run", _ROW_ID),
    sqlite_autoincrement=True,
)
Index("events_environment", *(events.c[n] for n in (*_ENVIRONMENT, "id")))
Index("events_at", events.c.at)
Index("events_action", events.c.action, events.c.id)

repositories = Table(
    "repositories",
    metadata,
    Column("organization", KEY, primary_key=True),
    Column("name", KEY, primary_key=True),
    Column("default_branch", free_text()),
    Column("listing_digest", KEY),
    Column("polled_at", moment()),
    Column("succeeded_at", moment()),
    Column("failures", Integer, nullable=False),
    Column("error", free_text(), nullable=False),
    Column("known_commit", KEY),
    Column("known_address", KEY),
    Column("offered_commit", KEY),
)

# What stands, whoever pruned the events that told of it. The key stands for kind and subject, which may be of any length.
findings = Table(
    "findings",
    metadata,
    Column("organization", KEY, nullable=False),
    Column("look", word(Look), nullable=False),
    Column("key", KEY, nullable=False),
    Column("kind", KEY, nullable=False),
    Column("subject", free_text(), nullable=False),
    Column("environment", encoded(str, EnvironmentId.parse)),
    Column("told", free_text(), nullable=False),
    Column("since", moment(), nullable=False),
    Column("seen_at", moment(), nullable=False),
    PrimaryKeyConstraint("organization", "look", "key", name="findings_pkey"),
)

looks = Table(
    "looks",
    metadata,
    Column("organization", KEY, nullable=False),
    Column("look", word(Look), nullable=False),
    Column("at", moment(), nullable=False),
    PrimaryKeyConstraint("organization", "look", name="looks_pkey"),
)

# One row, made with the table. A copy of a database has an identity of its own, and names the one it is a copy of.
identity = Table(
    "identity",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("copied_from", KEY),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", KEY, primary_key=True),
    Column("digest", KEY, nullable=False),
    Column("role", word(Role), nullable=False),
    Column("organization", KEY),
    Column("repository", KEY),
    Column("created_at", moment(), nullable=False),
    Column("created_by", free_text(), nullable=False),
    Column("expires_at", moment()),
    Column("used_at", moment()),
)
Index("tokens_digest", tokens.c.digest, unique=True)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", KEY, primary_key=True),
    Column("name", free_text(), nullable=False),
    Column("groups", encoded(codec.dump_resources, codec.load_resources), nullable=False),
    Column("csrf", KEY, nullable=False),
    Column("created_at", moment(), nullable=False),
    Column("expires_at", moment(), nullable=False),
    Column("token", KEY),
)

# What people asked for over the network; the key is what they call it, so that it is written down once.
requests = Table(
    "requests",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    *_identity(),
    Column("action", word(Action), nullable=False),
    Column("options", encoded(codec.dump_json, codec.load_json), nullable=False),
    Column("asker", encoded(codec.dump_asker, codec.load_asker), nullable=False),
    Column("commit", KEY, nullable=False),
    Column("asked_at", moment(), nullable=False),
    Column("key", KEY),
    Column("digest", KEY, nullable=False),
    Column("status", word(RequestStatus), nullable=False),
    Column("message", free_text(), nullable=False),
    Column("owner", encoded(codec.dump_process, codec.load_process)),
    Column("started_at", moment()),
    Column("finished_at", moment()),
    Column("result", encoded(codec.dump_json, codec.load_json), nullable=False),
    sqlite_autoincrement=True,
)
Index("requests_key", requests.c.key, unique=True)
Index("requests_status", requests.c.status, requests.c.id)

releases = Table(
    "releases",
    metadata,
    *_identity(),
    Column("commit", KEY, nullable=False),
    Column("ready_at", moment(), nullable=False),
    Column("tested_at", moment()),
    PrimaryKeyConstraint(*_ENVIRONMENT, "commit", name="releases_pkey"),
)

builds = Table(
    "builds",
    metadata,
    Column("key", KEY, primary_key=True),
    *_identity(),
    Column("commit", KEY, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("began_at", moment(), nullable=False),
    Column("built_at", moment()),
    Column("run", _ROW_ID),
    Column("variables", encoded(codec.dump_json, codec.load_json), nullable=False),
)

images = Table(
    "images",
    metadata,
    *(Column(name, KEY, nullable=False) for name in ("organization", "repository", "name", "variable")),
    Column("asked", free_text(), nullable=False),
    Column("reference", free_text()),
    Column("tag", free_text(), nullable=False),
    Column("changed_at", moment()),
    Column("error", free_text(), nullable=False),
    PrimaryKeyConstraint("organization", "repository", "name", "variable", name="images_pkey"),
)

# One that people made and one that stands in the organization file may be of the same place.
freezes = Table(
    "freezes",
    metadata,
    Column("organization", KEY, nullable=False),
    Column("repository", KEY, nullable=False),
    Column("in_file", Boolean, nullable=False),
    Column("reason", free_text(), nullable=False),
    Column("by", free_text(), nullable=False),
    Column("since", moment(), nullable=False),
    Column("until", moment()),
    PrimaryKeyConstraint("organization", "repository", "in_file", name="freezes_pkey"),
)

pull_requests = pull_requests_table(metadata)
hosts, configurations, polls, refusals = tables_of_hosts(metadata)
tellings = tellings_table(metadata)
hints = hints_table(metadata)
positions = positions_table(metadata)
left_states = left_states_table(metadata)

RECORDS = (
    environments,
    leases,
    runs,
    events,
    repositories,
    findings,
    looks,
    tokens,
    sessions,
    requests,
    releases,
    builds,
    images,
    freezes,
    pull_requests,
    tellings,
    hints,
    positions,
    left_states,
)
"""The tables that hold records: all but what says which database it is."""
