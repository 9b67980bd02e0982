"""The tables of who works by these records. They are no records themselves, and so are not copied."""

from sqlalchemy import BigInteger, Boolean, Column, MetaData, PrimaryKeyConstraint, Table, text

from envmgr.adapters.store import codec
from envmgr.adapters.store.columns import KEY, encoded, moment


def tables_of_hosts(metadata: MetaData) -> tuple[Table, Table, Table, Table]:
    """The hosts as each said of itself last; when each configuration was first seen; which host looks at a remote; and who was refused."""
    hosts = Table(
        "hosts",
        metadata,
        Column("id", KEY, primary_key=True),
        Column("process", encoded(codec.dump_process, codec.load_process), nullable=False),
        *(Column(name, KEY, nullable=False) for name in ("version", "schema")),
        *(Column(name, Boolean, nullable=False) for name in ("serves", "draining", "forgotten")),
        *(Column(name, moment(), nullable=False) for name in ("started_at", "beat_at")),
        Column("configurations", encoded(codec.dump_json, codec.load_json), nullable=False),
        Column("ahead", BigInteger, nullable=False, server_default=text("0")),  # seconds
    )
    configurations = Table(
        "configurations",
        metadata,
        *(Column(name, KEY, nullable=False) for name in ("organization", "digest")),
        Column("since", moment(), nullable=False),
        PrimaryKeyConstraint("organization", "digest", name="configurations_pkey"),
    )
    polls = Table(
        "polls",
        metadata,
        *(Column(name, KEY, nullable=False) for name in ("organization", "name", "host")),
        PrimaryKeyConstraint("organization", "name", name="polls_pkey"),
    )
    refusals = Table(
        "refusals",
        metadata,
        *(Column(name, KEY, nullable=False) for name in ("id", "boot")),
        Column("process", encoded(codec.dump_process, codec.load_process), nullable=False),
        *(Column(name, KEY, nullable=False) for name in ("version", "why")),
        Column("beat_at", moment(), nullable=False),
        PrimaryKeyConstraint("id", "boot", name="refusals_pkey"),
    )
    return hosts, configurations, polls, refusals


def left_states_table(metadata: MetaData) -> Table:
    """States that could not be written to their backends, encrypted; these are records."""
    names = ("organization", "repository", "name", "application")
    *first, last = names
    return Table(
        "left_states",
        metadata,
        *(Column(name, KEY, nullable=False) for name in first),
        Column(last, KEY, nullable=False, server_default=text("''")),
        Column("run", BigInteger, nullable=False),
        Column("at", moment(), nullable=False),
        Column("content", KEY, nullable=False),
        Column("host", KEY, nullable=False),
        PrimaryKeyConstraint(*names, name="left_states_pkey"),
    )
